// SPDX-License-Identifier: Apache-2.0
// What the conformance suite looks for in a server, said once for both TypeScript SDKs: fixture_v1.mjs and fixture_v2.mjs turn
// these tables into a server of their SDK. Names and answers are the suite's; nothing here knows an SDK or an era.
//
// A tool that asks is a list of rounds. A round is given the arguments, what the client can do and the answers so far, and
// says which questions are due, by key; `said` makes the text of all the answers. Whether the questions travel as requests of
// the server or as `input_required` is the SDK's side of it.

export const text = (said) => ({ type: 'text', text: said });
export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const wav = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA==';
const image = { type: 'image', data: png, mimeType: 'image/png' };
const embedded = (uri, said, mimeType = 'text/plain') => ({ type: 'resource', resource: { uri, mimeType, text: said } });

// Tools that answer at once: [description, content].
export const contents = {
  test_simple_text: ['Answers with a text', [text('This is a simple text response for testing.')]],
  test_image_content: ['Answers with a picture', [image]],
  test_audio_content: ['Answers with a sound', [{ type: 'audio', data: wav, mimeType: 'audio/wav' }]],
  test_embedded_resource: ['Answers with a resource',
    [embedded('test://embedded-resource', 'This is an embedded resource content.')]],
  test_multiple_content_types: ['Answers with a text, a picture and a resource', [text('Multiple content types test:'), image,
    embedded('test://mixed-content-resource', '{"test":"data","value":123}', 'application/json')]],
};

// Tools that tell something on the way, to a teller of the SDK: [description, run]. What run returns is the text.
export const talkers = {
  test_tool_with_logging: ['Logs while it works', async (tell) => {
    for (const line of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await tell.log(line);
      await pause(50);
    }
    return 'Logged three lines';
  }],
  test_logging_tool: ['Logs one line, for those who asked', async (tell) => {
    await tell.log('One line');
    return 'Logged one line';
  }],
  test_tool_with_progress: ['Tells of its progress', async (tell) => {
    for (const done of [0, 50, 100]) {
      await tell.progress(done, 100);
      await pause(50);
    }
    return 'Told of three steps';
  }],
  test_trigger_tool_change: ['Adds a tool and removes it again', async (tell) => {
    tell.toolsChanged();
    return 'The list of tools changed';
  }],
  test_trigger_prompt_change: ['Adds a prompt and removes it again', async (tell) => {
    tell.promptsChanged();
    return 'The list of prompts changed';
  }],
  test_reconnection: ['Ends its stream before it has answered', async (tell) => {
    tell.endStream();
    await pause(100);
    return 'Found again';
  }],
};

// Forms.
const string = { type: 'string' };
const object = (properties, required = Object.keys(properties)) => ({ type: 'object', properties, required });
const titled = (word, title) =>
  ['First', 'Second', 'Third'].map((nth, i) => ({ const: `${word}${i + 1}`, title: `${nth} ${title}` }));
const three = ['option1', 'option2', 'option3'];
const contact = object({
  username: { type: 'string', description: "User's response" },
  email: { type: 'string', description: "User's email address" },
});
const profile = object({
  name: { type: 'string', description: 'User name', default: 'John Doe' },
  age: { type: 'integer', description: 'User age', default: 30 },
  score: { type: 'number', description: 'User score', default: 95.5 },
  status: { type: 'string', description: 'User status', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', description: 'Verification status', default: true },
}, []);
const choices = object({
  untitledSingle: { type: 'string', enum: three },
  titledSingle: { type: 'string', oneOf: titled('value', 'Option') },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
  untitledMulti: { type: 'array', items: { type: 'string', enum: three } },
  titledMulti: { type: 'array', items: { anyOf: titled('value', 'Choice') } },
}, []);
const form = (message, requestedSchema) => ({ kind: 'form', params: { message, requestedSchema } });
const sample = (prompt, maxTokens) =>
  ({ kind: 'sample', params: { messages: [{ role: 'user', content: text(prompt) }], maxTokens } });
const roots = () => ({ kind: 'roots' });
const askName = () => ({ user_name: form('What is your name?', object({ name: string })) });
const told = (what, { action, content = {} }) => `${what}: action=${action}, content=${JSON.stringify(content)}`;

const confirmation = {
  rounds: [() => ({ confirm: form('Please confirm', object({ ok: { type: 'boolean' } })) })],
  said: ({ confirm }) => `state-ok, ${confirm.content?.ok ? '' : 'not '}confirmed`,
};

export const askers = {
  test_elicitation: {
    description: 'Asks the person', inputs: { message: string },
    rounds: [({ message }) => ({ contact: form(message, contact) })],
    said: (answers) => told('User response', answers.contact),
  },
  test_elicitation_sep1034_defaults: {
    description: 'Asks with defaults for every kind of field',
    rounds: [() => ({ profile: form('Please check your profile', profile) })],
    said: (answers) => told('Elicitation completed', answers.profile),
  },
  test_elicitation_sep1330_enums: {
    description: 'Asks with every kind of choice',
    rounds: [() => ({ choices: form('Please choose', choices) })],
    said: (answers) => told('Elicitation completed', answers.choices),
  },
  test_sampling: {
    description: "Asks the client's model", inputs: { prompt: string },
    rounds: [({ prompt }) => ({ sampling: sample(prompt, 100) })],
    said: ({ sampling }) => `LLM response: ${sampling.content.text}`,
  },
  test_missing_capability: {
    description: 'Needs a client that samples',
    rounds: [() => ({ sampling: sample('Say anything', 10) })],
    said: () => 'The client samples',
  },
  test_streaming_elicitation: {
    description: 'Tells of its progress, then asks', begin: (tell) => tell.progress(1, 2),
    rounds: [() => ({ confirm: form('Go on?', object({ ok: { type: 'boolean' } })) })],
    said: (answers) => told('Confirmed', answers.confirm),
  },
  test_input_required_result_elicitation: {
    description: 'Asks for a name',
    rounds: [askName],
    said: ({ user_name: name }) => `Hello, ${name.content?.name ?? 'nobody'}!`,
  },
  test_input_required_result_sampling: {
    description: "Asks the client's model for a capital",
    rounds: [() => ({ capital_question: sample('What is the capital of France?', 100) })],
    said: (answers) => answers.capital_question.content.text,
  },
  test_input_required_result_list_roots: {
    description: 'Asks where the client works',
    rounds: [() => ({ client_roots: roots() })],
    said: (answers) => `Roots: ${answers.client_roots.roots.map(({ uri }) => uri).join(' ')}`,
  },
  test_input_required_result_request_state: { description: 'Asks once and holds on to its state', ...confirmation },
  test_input_required_result_tampered_state: { description: 'Asks once and trusts its own state only', ...confirmation },
  test_input_required_result_multiple_inputs: {
    description: 'Asks three things at once',
    rounds: [() => ({ ...askName(), greeting: sample('Generate a greeting', 50), client_roots: roots() })],
    said: ({ user_name: name, greeting, client_roots: where }) =>
      `${name.content?.name}, ${greeting.content.text}, ${where.roots.length} roots`,
  },
  test_input_required_result_multi_round: {
    description: 'Asks twice',
    rounds: [() => ({ step1: form('Step 1: What is your name?', object({ name: string })) }),
             () => ({ step2: form('Step 2: What is your favorite color?', object({ color: string })) })],
    said: ({ step1, step2 }) => `${step1.content?.name} likes ${step2.content?.color}`,
  },
  test_input_required_result_capabilities: {
    description: 'Asks what the client can answer',
    rounds: [(_, can) => (can.sampling ? { greeting: sample('Generate a greeting', 50) } : can.elicitation ? askName() : {})],
    said: ({ greeting, user_name: name }) => greeting?.content.text ?? name?.content?.name ?? 'The client can answer nothing',
  },
};

// A tool whose argument clients mirror in a header, and one whose schema has to stay as it is.
export const region = { type: 'string', description: 'Where to look', 'x-mcp-header': 'Region' };
export const richSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: string, city: string } } },
  properties: {
    name: string, address: { $ref: '#/$defs/address' }, contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: string, email: string,
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

export const resources = [
  { uri: 'test://static-text', name: 'Static Text Resource', mimeType: 'text/plain',
    contents: { text: 'This is the content of the static text resource.' } },
  { uri: 'test://static-binary', name: 'Static Binary Resource', mimeType: 'image/png', contents: { blob: png } },
  { uri: 'test://watched-resource', name: 'Watched Resource', mimeType: 'text/plain',
    contents: { text: 'Watched resource content' } },
];
export const template = {
  pattern: 'test://template/{id}/data', name: 'Templated Resource', mimeType: 'application/json',
  read: (id) => ({ text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }),
};

const message = (content) => ({ role: 'user', content });
// Prompts: their arguments and their messages; the one that asks has rounds instead.
export const prompts = {
  test_simple_prompt: {
    description: 'A prompt without arguments',
    messages: () => [message(text('This is a simple prompt for testing.'))],
  },
  test_prompt_with_arguments: {
    description: 'A prompt with two arguments', inputs: ['arg1', 'arg2'],
    messages: ({ arg1, arg2 }) => [message(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
  },
  test_prompt_with_embedded_resource: {
    description: 'A prompt with a resource in it', inputs: ['resourceUri'],
    messages: ({ resourceUri }) => [message(embedded(resourceUri, 'Embedded resource content for testing.')),
                                    message(text('Please process the embedded resource above.'))],
  },
  test_prompt_with_image: {
    description: 'A prompt with a picture in it',
    messages: () => [message(image), message(text('Please analyze the image above.'))],
  },
  test_input_required_result_prompt: {
    description: 'A prompt that asks first',
    rounds: [() => ({ user_context: form('What context should the prompt use?', object({ context: string })) })],
    messages: (_, answers) => [message(text(`Use this context: ${answers.user_context.content?.context}`))],
  },
};

// What was sent on a stream, so that a client can come back for it.
export class EventStore {
  events = [];

  async storeEvent(stream, message) {
    this.events.push({ id: `${stream}_${this.events.length}`, stream, message });
    return this.events.at(-1).id;
  }

  async replayEventsAfter(last, { send }) {
    const from = this.events.findIndex((event) => event.id === last);
    const stream = this.events[from]?.stream ?? '';
    for (const event of this.events.slice(from + 1)) {
      if (event.stream === stream && Object.keys(event.message).length) await send(event.id, event.message);
    }
    return stream;
  }
}
