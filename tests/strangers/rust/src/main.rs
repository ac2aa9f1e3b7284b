// SPDX-License-Identifier: Apache-2.0
//! An rmcp client that uses a known server through whatever answers at URL.  rust-client ERA SERVER URL
//!
//! ERA is what negotiation must end with: legacy, or a modern revision. Prints {check: true | complaint}; exits 1 on one.
#![allow(deprecated)] // Sampling is deprecated by 2026-07-28 and served all the same.

use std::time::Duration;

use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt, ErrorData,
    model::{
        CallToolRequestParams, ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult,
        ElicitRequestParams, ElicitResult, ElicitationAction, Implementation, ProtocolVersion, SamplingMessage,
    },
    service::{RequestContext, RoleClient, RunningService},
    transport::StreamableHttpClientTransport,
};
use serde_json::{Map, Value, json};

#[derive(Clone)]
struct Stranger;

impl ClientHandler for Stranger {
    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"name": "Ada"})))
    }

    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        Ok(CreateMessageResult::new(SamplingMessage::assistant_text("forty-two"), "m".into()))
    }

    fn get_info(&self) -> ClientConfig {
        let capabilities: ClientCapabilities = serde_json::from_value(json!({"elicitation": {}, "sampling": {}})).unwrap();
        ClientConfig::new(capabilities, Implementation::new("stranger-rmcp", "1"))
    }
}

type Client = RunningService<RoleClient, Stranger>;

async fn says(client: &Client, wanted: &str, tool: &'static str, arguments: Value) -> Result<(), String> {
    let Value::Object(arguments) = arguments else { return Err("arguments are an object".into()) };
    let params = CallToolRequestParams::new(tool).with_arguments(arguments);
    let result = client.call_tool(params).await.map_err(|trouble| trouble.to_string())?;
    let said: Vec<&str> = result.content.iter().filter_map(|part| part.as_text()).map(|text| text.text.as_str()).collect();
    let said = said.join("\n");
    if said.contains(wanted) { Ok(()) } else { Err(format!("wanted {wanted:?}, got {said:?}")) }
}

async fn lists(client: &Client, wanted: &str) -> Result<(), String> {
    let tools = client.list_all_tools().await.map_err(|trouble| trouble.to_string())?;
    let found = tools.iter().any(|tool| tool.name == wanted);
    if found { Ok(()) } else { Err(format!("{wanted} is not among {} tools", tools.len())) }
}

async fn everything(client: &Client, results: &mut Map<String, Value>) {
    note(results, "lists tools", lists(client, "echo").await);
    note(results, "calls a tool", says(client, "Echo: grüße 🚀", "echo", json!({"message": "grüße 🚀"})).await);
    let sample = json!({"prompt": "p", "maxTokens": 10});
    note(results, "is asked for a sample", says(client, "forty-two", "trigger-sampling-request", sample).await);
    let resources = client.list_all_resources().await.map_err(|trouble| trouble.to_string());
    note(results, "lists resources", resources.and_then(|all| (!all.is_empty()).then_some(()).ok_or("none".into())));
    let prompts = client.list_all_prompts().await.map_err(|trouble| trouble.to_string());
    note(results, "lists prompts", prompts.and_then(|all| (!all.is_empty()).then_some(()).ok_or("none".into())));
}

async fn asking(client: &Client, results: &mut Map<String, Value>) {
    note(results, "lists tools", lists(client, "ask_name").await);
    note(results, "answers an elicitation", says(client, "hello Ada", "ask_name", json!({})).await);
    note(results, "answers a sampling request", says(client, "the model says forty-two", "ask_model", json!({})).await);
    note(results, "answers two questions of one call", says(client, "Ada hears forty-two", "ask_twice", json!({})).await);
}

fn note(results: &mut Map<String, Value>, check: &str, outcome: Result<(), String>) {
    results.insert(check.into(), outcome.map_or_else(Value::String, |()| Value::Bool(true)));
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let (era, server, url) = (&words[1], &words[2], &words[3]);
    let mode = ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::V_2026_07_28], legacy_version: None };
    let transport = StreamableHttpClientTransport::from_uri(url.clone());
    let client = Stranger.serve_with_lifecycle(transport, mode).await.expect("connect");

    let mut results = Map::new();
    let version = client.peer_info().expect("the server said who it is").protocol_version.to_string();
    let right = if era == "legacy" { version.as_str() <= "2025-11-25" } else { version == *era };
    note(&mut results, &format!("negotiates {era}"), right.then_some(()).ok_or(format!("negotiated {version}")));
    let checks = async {
        match server.as_str() {
            "everything" => everything(&client, &mut results).await,
            _ => asking(&client, &mut results).await,
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), checks).await.map_err(|_| "over 60 s".to_string());
    note(&mut results, "is done in time", in_time);
    note(&mut results, "closes its session", client.cancel().await.map(|_| ()).map_err(|trouble| trouble.to_string()));
    let failed = results.values().any(|result| result != &Value::Bool(true));
    println!("{}", Value::Object(results));
    std::process::exit(i32::from(failed));
}
