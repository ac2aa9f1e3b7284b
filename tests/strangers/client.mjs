// SPDX-License-Identifier: Apache-2.0
// A TypeScript SDK client that uses one of the known servers through whatever answers at URL.
//
//   client.mjs v1|v2 ERA SERVER URL [FOLDER]
//   client.mjs v1|v2 ERA SERVER stdio FOLDER CMD...     the server itself, as a child: shows that the checks are right
//
// v1 is @modelcontextprotocol/sdk (legacy era only), v2 is @modelcontextprotocol/client; ERA is what must come out of
// negotiation: legacy, or a modern revision. Prints one JSON object, {check: true | complaint}, and exits 1 on a complaint.
import { strict as assert } from 'node:assert';

const [sdk, era, server, url, folder, ...child] = process.argv.slice(2);
const spawned = { command: child[0], args: child.slice(1), stderr: 'ignore' };
const info = { name: `stranger-${sdk}`, version: '1' };
const capabilities = { elicitation: {}, sampling: {}, roots: {} };
const answers = {
  'elicitation/create': async () => ({ action: 'accept', content: { name: 'Ada' } }),
  'sampling/createMessage': async () => ({ model: 'm', role: 'assistant', content: { type: 'text', text: 'forty-two' } }),
  // server-filesystem serves the roots of its client instead of the folder of its command line.
  'roots/list': async () => ({ roots: [{ uri: `file://${folder}`, name: 'the folder' }] }),
};

async function connect() {
  if (sdk === 'v1') {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const types = await import('@modelcontextprotocol/sdk/types.js');
    const client = new Client(info, { capabilities });
    client.setRequestHandler(types.ElicitRequestSchema, answers['elicitation/create']);
    client.setRequestHandler(types.CreateMessageRequestSchema, answers['sampling/createMessage']);
    client.setRequestHandler(types.ListRootsRequestSchema, answers['roots/list']);
    const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
    const transport = child.length ? new StdioClientTransport(spawned) : new StreamableHTTPClientTransport(new URL(url));
    await client.connect(transport);
    return { client, transport, call: (params, options) => client.callTool(params, undefined, options) };
  }
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  // Through a gateway both eras are there, and who wants the older one has to say so.
  const mode = server === 'together' && era === 'legacy' ? 'legacy' : 'auto';
  const client = new Client(info, { capabilities, versionNegotiation: { mode } });
  for (const [method, answer] of Object.entries(answers)) client.setRequestHandler(method, answer);
  const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
  const transport = child.length ? new StdioClientTransport(spawned) : new StreamableHTTPClientTransport(new URL(url));
  await client.connect(transport);
  return { client, transport, call: (params, options) => client.callTool(params, options) };
}

const { client, transport, call } = await connect();
const text = (result) => result.content.map((part) => part.text ?? '').join('\n');
const tool = async (name, args = {}, options = {}) => text(await call({ name, arguments: args }, options));
const names = async () => (await client.listTools()).tools.map((tool) => tool.name);

const checks = {
  everything: {
    'lists tools': async () => {
      const listed = await names();
      for (const name of ['echo', 'get-sum', 'get-tiny-image']) assert(listed.includes(name), `${name} not in ${listed}`);
    },
    'calls a tool': async () => assert.equal(await tool('echo', { message: 'grüße 🚀' }), 'Echo: grüße 🚀'),
    'calls a tool with numbers': async () => assert.match(await tool('get-sum', { a: 2, b: 40 }), /\b42\b/),
    'gets structured content': async () => {
      const result = await call({ name: 'get-structured-content', arguments: { location: 'Chicago' } });
      assert.equal(typeof result.structuredContent, 'object');
    },
    'gets an image': async () => {
      const result = await call({ name: 'get-tiny-image', arguments: {} });
      assert(result.content.some((part) => part.type === 'image' && part.data.length > 100));
    },
    'hears progress before the result': async () => {
      const heard = [];
      // Without a total it is the SDK's own, which tells when it answers the server's questions.
      const options = { onprogress: ({ progress, total }) => total && heard.push(progress) };
      await tool('trigger-long-running-operation', { duration: 1, steps: 4 }, options);
      // The fourth leaves the server together with the result, and the SDK then drops it (asking_v1.mjs says why).
      assert.deepEqual(heard.slice(0, 3), [1, 2, 3]);
    },
    'hears that arguments are wrong': async () => {
      const result = await call({ name: 'get-sum', arguments: { a: 'two' } }).catch((error) => ({ isError: true, error }));
      assert.equal(result.isError, true);
    },
    'reads a resource': async () => {
      const { resources } = await client.listResources();
      const { contents } = await client.readResource({ uri: resources[0].uri });
      assert.equal(contents[0].uri, resources[0].uri);
    },
    'lists resource templates': async () => assert((await client.listResourceTemplates()).resourceTemplates.length > 0),
    'gets a prompt': async () => {
      const { prompts } = await client.listPrompts();
      assert(prompts.some((prompt) => prompt.name === 'simple-prompt'));
      assert((await client.getPrompt({ name: 'simple-prompt' })).messages.length > 0);
    },
    'is asked by the server (sampling)': async () =>
      assert.match(await tool('trigger-sampling-request', { prompt: 'p', maxTokens: 10 }), /forty-two/),
    'is asked by the server (elicitation)': async () => assert.match(await tool('trigger-elicitation-request'), /Ada/),
    'makes forty calls at once': async () => {
      const numbers = [...Array(40).keys()];
      const said = await Promise.all(numbers.map((n) => tool('echo', { message: `number ${n}` })));
      assert.deepEqual(said, numbers.map((n) => `Echo: number ${n}`));
    },
  },
  filesystem: {
    'lists tools': async () => assert((await names()).includes('write_file')),
    'writes and reads a file': async () => {
      const content = 'line one\nzeile zwei ✓ "quoted" \\ \u0001\n'.repeat(2000);
      await tool('write_file', { path: `${folder}/a.txt`, content });
      assert.equal(await tool('read_text_file', { path: `${folder}/a.txt` }), content);
    },
    'is given the roots of its client': async () =>
      assert.equal((await tool('list_allowed_directories')).trim().split('\n').at(-1), folder),
    'lists a folder': async () => assert.match(await tool('list_directory', { path: folder }), /\[FILE\] a\.txt/),
    'is refused outside the folder': async () => {
      const result = await call({ name: 'read_text_file', arguments: { path: '/etc/hostname' } });
      assert.equal(result.isError, true);
    },
  },
  memory: {
    'lists tools': async () => assert((await names()).includes('create_entities')),
    'remembers and finds': async () => {
      const entities = [{ name: 'Ada', entityType: 'person', observations: ['wrote the first programme'] }];
      await tool('create_entities', { entities });
      assert.match(await tool('search_nodes', { query: 'programme' }), /Ada/);
    },
    'opens the node again': async () => assert.match(await tool('open_nodes', { names: ['Ada'] }), /person/),
  },
  asking: {
    'lists tools': async () => assert.deepEqual((await names()).sort(), ['ask_model', 'ask_name', 'ask_twice', 'count']),
    'answers an elicitation': async () => assert.equal(await tool('ask_name'), 'hello Ada'),
    'answers a sampling request': async () => assert.equal(await tool('ask_model'), 'the model says forty-two'),
    'answers two questions of one call': async () => assert.equal(await tool('ask_twice'), 'Ada hears forty-two'),
    'hears progress': async () => {
      const heard = [];
      assert.equal(await tool('count', {}, { onprogress: (progress) => heard.push(progress.progress) }), 'counted');
      assert.deepEqual(heard, [1, 2, 3]);
    },
    // As many as the gateway keeps parked for one principal.
    'answers eight calls that ask at once': async () => {
      const said = await Promise.all([...Array(8)].map(() => tool('ask_name')));
      assert.deepEqual(said, Array(8).fill('hello Ada'));
    },
  },
};

// All of them behind one path, and our fixture.
checks.together = {
  'lists the tools of all four': async () => {
    const listed = await names();
    for (const name of ['everything__echo', 'files__read_text_file', 'memory__create_entities', 'fixture__test_simple_text'])
      assert(listed.includes(name), `${name} not in ${listed}`);
    assert.equal(new Set(listed).size, listed.length);
  },
  'calls server-everything': async () => assert.equal(await tool('everything__echo', { message: 'grüße 🚀' }), 'Echo: grüße 🚀'),
  'writes and reads a file with server-filesystem': async () => {
    await tool('files__write_file', { path: `${folder}/t.txt`, content: 'together' });
    assert.equal(await tool('files__read_text_file', { path: `${folder}/t.txt` }), 'together');
  },
  'remembers with server-memory': async () => {
    const entities = [{ name: 'Ada', entityType: 'person', observations: ['wrote the first programme'] }];
    await tool('memory__create_entities', { entities });
    assert.match(await tool('memory__search_nodes', { query: 'programme' }), /Ada/);
  },
  'calls the fixture': async () => assert.match(await tool('fixture__test_simple_text'), /simple text/),
  'is asked by server-everything and by the fixture': async () => {
    assert.match(await tool('everything__trigger-elicitation-request'), /Ada/);
    assert.match(await tool('fixture__test_sampling', { prompt: 'six by seven?' }), /forty-two/);
  },
  'lists and reads resources of two': async () => {
    const { resources } = await client.listResources();
    for (const uri of ['test://static-text', resources[0].uri]) {
      assert.equal((await client.readResource({ uri })).contents[0].uri, uri);
    }
  },
  'gets a prompt of each of two': async () => {
    for (const name of ['everything__simple-prompt', 'fixture__test_simple_prompt'])
      assert((await client.getPrompt({ name })).messages.length > 0);
  },
  'hears progress of the fixture': async () => {
    const heard = [];
    await tool('fixture__test_tool_with_progress', {}, { onprogress: ({ progress }) => heard.push(progress) });
    assert.deepEqual(heard.slice(0, 2), [0, 50]);
  },
  'makes forty calls of two servers at once': async () => {
    const tools = ['fixture__test_simple_text', 'everything__echo'];
    const said = await Promise.all([...Array(40).keys()].map((n) => tool(tools[n % 2], { message: `${n}` })));
    said.forEach((text, n) => assert.match(text, n % 2 ? new RegExp(`^Echo: ${n}$`) : /simple text/));
  },
};

const results = {};
const check = async (name, run) => {
  try {
    await run();
    results[name] = true;
  } catch (error) {
    results[name] = String(error?.message ?? error).slice(0, 600);
  }
};
await check(`negotiates ${era}`, async () => {
  // The old SDK tells its revision on HTTP only, and knows no other era.
  const version = sdk === 'v1' ? (transport.protocolVersion ?? '') : client.getNegotiatedProtocolVersion();
  assert(era === 'legacy' ? version <= '2025-11-25' : version === era, `negotiated ${version}`);
});
for (const [name, run] of Object.entries(checks[server])) await check(name, run);
await check('closes its session', async () => {
  if (transport.sessionId) await transport.terminateSession();
  await client.close();
});
console.log(JSON.stringify(results));
process.exit(Object.values(results).every((result) => result === true) ? 0 : 1);
