// SPDX-License-Identifier: Apache-2.0
// The conformance fixture on the TypeScript SDK 1.x: legacy sessions only, questions are requests of the server.
//
//   fixture_v1.mjs            over stdio
//   fixture_v1.mjs --http     over Streamable HTTP on a port of its choice
import { randomUUID } from 'node:crypto';
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import * as fixture from './fixture.mjs';

// A schema of strings; what else JSON Schema says of one is kept as it is.
const strings = (inputs) =>
  Object.fromEntries(Object.entries(inputs ?? {}).map(([name, { type, ...rest }]) => [name, z.string().meta(rest)]));
const said = (text) => ({ content: [fixture.text(text)] });

const newServer = () => {
  const capabilities = { logging: {}, resources: { subscribe: true } };
  const mcp = new McpServer({ name: 'conformance-fixture-v1', version: '1' }, { capabilities });

  const teller = (extra) => ({
    log: (data) => extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } }),
    progress: async (progress, total) => {
      const progressToken = extra._meta?.progressToken;
      const params = { progressToken, progress, total };
      if (progressToken !== undefined) await extra.sendNotification({ method: 'notifications/progress', params });
    },
    toolsChanged: () => mcp.registerTool('test_short_lived', { description: 'Is gone soon' }, () => said('')).remove(),
    promptsChanged: () => mcp.registerPrompt('test_short_lived', {}, () => ({ messages: [] })).remove(),
    endStream: () => extra.closeSSEStream?.(),
  });

  const ask = ({ kind, params }, extra) => {
    const during = { relatedRequestId: extra.requestId };
    if (kind === 'form') return mcp.server.elicitInput(params, during);
    return kind === 'sample' ? mcp.server.createMessage(params, during) : mcp.server.listRoots(undefined, during);
  };
  const answersOf = async ({ rounds }, args, extra) => {
    const answers = {};
    for (const round of rounds) {
      const questions = Object.entries(round(args, mcp.server.getClientCapabilities() ?? {}, answers));
      const replies = await Promise.all(questions.map(([, question]) => ask(question, extra)));
      questions.forEach(([key], i) => { answers[key] = replies[i]; });
    }
    return answers;
  };

  for (const [name, [description, content]] of Object.entries(fixture.contents)) {
    mcp.registerTool(name, { description }, () => ({ content }));
  }
  for (const [name, [description, run]] of Object.entries(fixture.talkers)) {
    mcp.registerTool(name, { description }, async (extra) => said(await run(teller(extra))));
  }
  for (const [name, tool] of Object.entries(fixture.askers)) {
    mcp.registerTool(name, { description: tool.description, inputSchema: strings(tool.inputs) }, async (args, extra) => {
      await tool.begin?.(teller(extra));
      return said(tool.said(await answersOf(tool, args, extra)));
    });
  }
  mcp.registerTool('test_error_handling', { description: 'Fails' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  const region = { description: 'Has an argument for a header', inputSchema: strings({ region: fixture.region }) };
  mcp.registerTool('test_x_mcp_header', region, ({ region }) => said(`Looked in ${region}`));
  const rich = { description: 'Has a schema of JSON Schema 2020-12', inputSchema: z.looseObject({}).meta(fixture.richSchema) };
  mcp.registerTool('json_schema_2020_12_tool', rich, (args) => said(`Got ${JSON.stringify(args)}`));

  for (const { uri, name, mimeType, contents } of fixture.resources) {
    mcp.registerResource(name, uri, { mimeType, description: name }, () => ({ contents: [{ uri, mimeType, ...contents }] }));
  }
  const { pattern, name, mimeType, read } = fixture.template;
  const complete = { id: (typed) => [`${typed}1`, `${typed}2`] };
  mcp.registerResource(name, new ResourceTemplate(pattern, { list: undefined, complete }), { mimeType, description: name },
    (uri, { id }) => ({ contents: [{ uri: uri.href, mimeType, ...read(id) }] }));
  for (const schema of [SubscribeRequestSchema, UnsubscribeRequestSchema]) mcp.server.setRequestHandler(schema, () => ({}));

  for (const [name, prompt] of Object.entries(fixture.prompts)) {
    const arg = () => completable(z.string(), (typed) => [`${typed}paris`, `${typed}park`]);
    const argsSchema = Object.fromEntries((prompt.inputs ?? []).map((input) => [input, arg()]));
    mcp.registerPrompt(name, { description: prompt.description, argsSchema }, async (args, extra) =>
      ({ messages: prompt.messages(args, await answersOf({ rounds: [], ...prompt }, args, extra)) }));
  }
  return mcp;
};

function serveHttp() {
  const sessions = new Map();
  const app = createMcpExpressApp();
  app.all('/mcp', async (request, response) => {
    let transport = sessions.get(request.headers['mcp-session-id']);
    if (!transport && request.headers['mcp-session-id']) {
      return response.status(404).json({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } });
    }
    if (!transport) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        eventStore: new fixture.EventStore(),
        retryInterval: 500,
        onsessioninitialized: (id) => { sessions.set(id, transport); },
        onsessionclosed: (id) => { sessions.delete(id); },
      });
      await newServer().connect(transport);
    }
    await transport.handleRequest(request, response, request.body);
  });
  const listener = app.listen(0, '127.0.0.1', () => {
    console.error(`listening on http://127.0.0.1:${listener.address().port}/mcp`);
  });
}

if (process.argv.includes('--http')) serveHttp();
else await newServer().connect(new StdioServerTransport());
