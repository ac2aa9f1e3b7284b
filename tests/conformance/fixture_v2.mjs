// SPDX-License-Identifier: Apache-2.0
// The conformance fixture on the TypeScript SDK 2.x. Its tools ask by `input_required`; for legacy clients the SDK itself makes
// requests of that.
//
//   fixture_v2.mjs [--era modern]            over stdio, both eras unless one is named
//   fixture_v2.mjs [--era modern] --http     over Streamable HTTP on a port of its choice
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { localhostHostValidation, localhostOriginValidation, toNodeHandler } from '@modelcontextprotocol/node';
import {
  McpServer, ResourceTemplate, WebStandardStreamableHTTPServerTransport, completable,
  createMcpHandler, createRequestStateCodec, fromJsonSchema, inputRequired, inputResponse, isLegacyRequest,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';
import * as fixture from './fixture.mjs';

const modernOnly = process.argv[process.argv.indexOf('--era') + 1] === 'modern';
const said = (text) => ({ content: [fixture.text(text)] });
const strings = (properties = {}) => fromJsonSchema({ type: 'object', properties, required: Object.keys(properties) });
const states = createRequestStateCodec({ key: randomBytes(32) });
let handler; // of modern HTTP requests: the changes that it tells come from here

const capabilitiesOf = (mcp, context) =>
  context.mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? mcp.server.getClientCapabilities() ?? {};

// The answers to all rounds, or the result that asks for those that are missing.
const kinds = { form: 'elicit', sample: 'sampling', roots: 'roots' };
const builders = { form: 'elicit', sample: 'createMessage', roots: 'listRoots' };
async function answersOf({ rounds }, args, can, context) {
  const answers = { ...context.mcpReq.requestState() };
  for (const round of rounds) {
    const missing = {};
    for (const [key, { kind, params }] of Object.entries(round(args, can, answers))) {
      if (answers[key]) continue;
      const { inputResponses } = context.mcpReq;
      if (inputResponse(inputResponses, key).kind === kinds[kind]) answers[key] = inputResponses[key];
      else missing[key] = inputRequired[builders[kind]](params);
    }
    if (Object.keys(missing).length) {
      return { open: inputRequired({ inputRequests: missing, requestState: await states.mint(answers) }) };
    }
  }
  return { answers };
}

const newServer = ({ era, requestInfo }) => {
  const capabilities = {
    logging: {}, tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true },
    completions: {},
  };
  const hint = { ttlMs: 1000, cacheScope: 'private' };
  const lists = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read'];
  const mcp = new McpServer({ name: 'conformance-fixture-v2', version: '1' }, {
    capabilities, requestState: { verify: states.verify }, cacheHints: Object.fromEntries(lists.map((list) => [list, hint])),
  });

  // Over HTTP a modern request has a server of its own, and changes are told by what serves them all.
  const alone = era === 'modern' && requestInfo;
  const teller = (context) => ({
    log: (line) => context.mcpReq.log('info', line),
    progress: async (progress, total) => {
      const progressToken = context.mcpReq._meta?.progressToken;
      const params = { progressToken, progress, total };
      if (progressToken !== undefined) await context.mcpReq.notify({ method: 'notifications/progress', params });
    },
    toolsChanged: () => (alone ? handler.notify.toolsChanged()
      : mcp.registerTool('test_short_lived', { description: 'Is gone soon' }, () => said('')).remove()),
    promptsChanged: () => (alone ? handler.notify.promptsChanged()
      : mcp.registerPrompt('test_short_lived', {}, () => ({ messages: [] })).remove()),
    endStream: () => context.http?.closeSSE?.(),
  });

  for (const [name, [description, content]] of Object.entries(fixture.contents)) {
    mcp.registerTool(name, { description }, () => ({ content }));
  }
  for (const [name, [description, run]] of Object.entries(fixture.talkers)) {
    mcp.registerTool(name, { description }, async (context) => said(await run(teller(context))));
  }
  for (const [name, tool] of Object.entries(fixture.askers)) {
    mcp.registerTool(name, { description: tool.description, inputSchema: strings(tool.inputs) }, async (args, context) => {
      await tool.begin?.(teller(context));
      const { open, answers } = await answersOf(tool, args, capabilitiesOf(mcp, context), context);
      return open ?? said(tool.said(answers));
    });
  }
  mcp.registerTool('test_error_handling', { description: 'Fails' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  const region = { description: 'Has an argument for a header', inputSchema: strings({ region: fixture.region }) };
  mcp.registerTool('test_x_mcp_header', region, ({ region }) => said(`Looked in ${region}`));
  const rich = { description: 'Has a schema of JSON Schema 2020-12', inputSchema: fromJsonSchema(fixture.richSchema) };
  mcp.registerTool('json_schema_2020_12_tool', rich, (args) => said(`Got ${JSON.stringify(args)}`));

  for (const { uri, name, mimeType, contents } of fixture.resources) {
    mcp.registerResource(name, uri, { mimeType, description: name }, () => ({ contents: [{ uri, mimeType, ...contents }] }));
  }
  const { pattern, name, mimeType, read } = fixture.template;
  const complete = { id: (typed) => [`${typed}1`, `${typed}2`] };
  mcp.registerResource(name, new ResourceTemplate(pattern, { list: undefined, complete }), { mimeType, description: name },
    (uri, { id }) => ({ contents: [{ uri: uri.href, mimeType, ...read(id) }] }));
  for (const method of ['resources/subscribe', 'resources/unsubscribe']) mcp.server.setRequestHandler(method, () => ({}));

  for (const [name, prompt] of Object.entries(fixture.prompts)) {
    const arg = () => completable(z.string(), (typed) => [`${typed}paris`, `${typed}park`]);
    const argsSchema = z.object(Object.fromEntries((prompt.inputs ?? []).map((input) => [input, arg()])));
    mcp.registerPrompt(name, { description: prompt.description, argsSchema }, async (args, context) => {
      const { open, answers } = await answersOf({ rounds: [], ...prompt }, args, capabilitiesOf(mcp, context), context);
      return open ?? { messages: prompt.messages(args, answers) };
    });
  }
  return mcp;
};

// Legacy sessions beside the modern handler, which by itself would serve legacy clients without sessions.
function legacyHandler() {
  const sessions = new Map();
  return async (request) => {
    const id = request.headers.get('mcp-session-id');
    let transport = sessions.get(id);
    if (!transport && id) {
      const error = { code: -32001, message: 'Session not found' };
      return Response.json({ jsonrpc: '2.0', id: null, error }, { status: 404 });
    }
    if (!transport) {
      transport = new WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        eventStore: new fixture.EventStore(),
        retryInterval: 500,
        onsessioninitialized: (made) => { sessions.set(made, transport); },
        onsessionclosed: (ended) => { sessions.delete(ended); },
      });
      await newServer({ era: 'legacy', requestInfo: request }).connect(transport);
    }
    return transport.handleRequest(request);
  };
}

function serveHttp() {
  handler = createMcpHandler(newServer, { legacy: 'reject' });
  const legacy = legacyHandler();
  const fetch = async (request) => (!modernOnly && (await isLegacyRequest(request)) ? legacy(request) : handler.fetch(request));
  const serve = toNodeHandler({ fetch });
  const [hostIsOurs, originIsOurs] = [localhostHostValidation(), localhostOriginValidation()];
  const listener = createServer((request, response) => {
    if (hostIsOurs(request, response) && originIsOurs(request, response)) serve(request, response);
  });
  listener.listen(0, '127.0.0.1', () => console.error(`listening on http://127.0.0.1:${listener.address().port}/mcp`));
}

if (process.argv.includes('--http')) serveHttp();
else serveStdio(newServer, { legacy: modernOnly ? 'reject' : 'serve' });
