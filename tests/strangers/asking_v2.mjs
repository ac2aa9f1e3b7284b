// SPDX-License-Identifier: Apache-2.0
// A modern server on the TypeScript SDK 2.x, over stdio, whose tools ask by input_required. It refuses the legacy era.
import { McpServer, inputRequired, inputResponse } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const text = (said) => ({ content: [{ type: 'text', text: said }] });
const form = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
const prompt = { messages: [{ role: 'user', content: { type: 'text', text: 'six by seven?' } }], maxTokens: 20 };

const questions = {
  name: () => inputRequired.elicit({ message: 'Your name?', requestedSchema: form }),
  model: () => inputRequired.createMessage(prompt),
};

// The SDK's client forgets its progress callback as soon as the response is read, even when progress was read in the same
// chunk before it: the pause keeps them apart.
const pause = () => new Promise((done) => setTimeout(done, 30));

// The answers to the wanted questions, or the result that asks for the first that is missing.
function asked(context, ...wanted) {
  const state = JSON.parse(context.mcpReq.requestState() ?? '{}');
  for (const key of wanted) {
    const answer = inputResponse(context.mcpReq.inputResponses, key);
    if (answer.kind === 'elicit') state[key] = answer.content.name;
    if (answer.kind === 'sampling') state[key] = answer.result.content.text;
    if (state[key] === undefined) {
      return { open: inputRequired({ inputRequests: { [key]: questions[key]() }, requestState: JSON.stringify(state) }) };
    }
  }
  return state;
}

serveStdio(() => {
  const server = new McpServer({ name: 'asking-v2', version: '1' }, { capabilities: { tools: {} } });
  server.registerTool('ask_name', { description: 'Greets by name' }, async (context) => {
    const { open, name } = asked(context, 'name');
    return open ?? text(`hello ${name}`);
  });
  server.registerTool('ask_model', { description: 'Asks the model' }, async (context) => {
    const { open, model } = asked(context, 'model');
    return open ?? text(`the model says ${model}`);
  });
  server.registerTool('ask_twice', { description: 'Asks both, one after the other' }, async (context) => {
    const { open, name, model } = asked(context, 'name', 'model');
    return open ?? text(`${name} hears ${model}`);
  });
  server.registerTool('count', { description: 'Counts to three' }, async (context) => {
    const progressToken = context.mcpReq._meta?.progressToken;
    for (const progress of [1, 2, 3]) {
      const params = { progressToken, progress, total: 3 };
      if (progressToken !== undefined) await context.mcpReq.notify({ method: 'notifications/progress', params });
      await pause();
    }
    return text('counted');
  });
  return server;
}, { legacy: 'reject' });
