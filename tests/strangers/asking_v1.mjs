// SPDX-License-Identifier: Apache-2.0
// A legacy server on the TypeScript SDK 1.x, over stdio, whose tools ask the client while a call is open.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

const server = new McpServer({ name: 'asking-v1', version: '1' });
const text = (said) => ({ content: [{ type: 'text', text: said }] });
const form = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
const prompt = { messages: [{ role: 'user', content: { type: 'text', text: 'six by seven?' } }], maxTokens: 20 };

// The SDK's client forgets its progress callback as soon as the response is read, even when progress was read in the same
// chunk before it: the pause keeps them apart.
const pause = () => new Promise((done) => setTimeout(done, 30));

const ask = async () => (await server.server.elicitInput({ message: 'Your name?', requestedSchema: form })).content.name;
const sample = async () => (await server.server.createMessage(prompt)).content.text;

server.registerTool('ask_name', { description: 'Greets by name' }, async () => text(`hello ${await ask()}`));
server.registerTool('ask_model', { description: 'Asks the model' }, async () => text(`the model says ${await sample()}`));
server.registerTool('ask_twice', { description: 'Asks both' }, async () => text(`${await ask()} hears ${await sample()}`));
server.registerTool('count', { description: 'Counts to three' }, async ({ _meta, sendNotification }) => {
  for (const progress of [1, 2, 3]) {
    const params = { progressToken: _meta?.progressToken, progress, total: 3 };
    if (_meta?.progressToken !== undefined) await sendNotification({ method: 'notifications/progress', params });
    await pause();
  }
  return text('counted');
});
await server.connect(new StdioServerTransport());
