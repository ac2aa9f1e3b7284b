// SPDX-License-Identifier: Apache-2.0

//go:build ignore

// A server on the Go SDK, over stdio and in both eras, whose tools ask the client by input_required; for legacy clients the SDK
// makes requests of that. It asks both questions of ask_twice at once.
package main

import (
	"context"
	"encoding/json"
	"log"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

var (
	nothing = json.RawMessage(`{"type": "object"}`)
	form    = json.RawMessage(`{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}`)
)

var questions = map[string]mcp.InputRequest{
	"name": &mcp.ElicitParams{Message: "Your name?", RequestedSchema: form},
	"model": &mcp.CreateMessageParams{
		Messages:  []*mcp.SamplingMessage{{Role: "user", Content: &mcp.TextContent{Text: "six by seven?"}}},
		MaxTokens: 20,
	},
}

func text(said string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: said}}}
}

// What the client answered to a question; nothing when it was not asked yet.
func answer(request *mcp.CallToolRequest, key string) string {
	switch got := request.Params.InputResponses[key].(type) {
	case *mcp.ElicitResult:
		name, _ := got.Content["name"].(string)
		return name
	case *mcp.CreateMessageResult:
		if said, ok := got.Content.(*mcp.TextContent); ok {
			return said.Text
		}
	case *mcp.CreateMessageWithToolsResult:
		if said, ok := got.Content[0].(*mcp.TextContent); ok {
			return said.Text
		}
	}
	return ""
}

// A tool that asks these questions and says something of the answers.
func asking(say func(answers map[string]string) string, keys ...string) mcp.ToolHandler {
	return func(_ context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		missing, answers := mcp.InputRequestMap{}, map[string]string{}
		for _, key := range keys {
			if answers[key] = answer(request, key); answers[key] == "" {
				missing[key] = questions[key]
			}
		}
		if len(missing) > 0 {
			return &mcp.CallToolResult{InputRequests: missing}, nil
		}
		return text(say(answers)), nil
	}
}

func count(ctx context.Context, request *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	for now := 1.0; now <= 3; now++ {
		if token := request.Params.GetProgressToken(); token != nil {
			params := &mcp.ProgressNotificationParams{ProgressToken: token, Progress: now, Total: 3}
			if err := request.Session.NotifyProgress(ctx, params); err != nil {
				return nil, err
			}
		}
		time.Sleep(30 * time.Millisecond) // some clients forget progress that came together with the result
	}
	return text("counted"), nil
}

func main() {
	server := mcp.NewServer(&mcp.Implementation{Name: "asking-go", Version: "1"}, nil)
	add := func(name, description string, handler mcp.ToolHandler) {
		server.AddTool(&mcp.Tool{Name: name, Description: description, InputSchema: nothing}, handler)
	}
	add("ask_name", "Greets by name",
		asking(func(answers map[string]string) string { return "hello " + answers["name"] }, "name"))
	add("ask_model", "Asks the model",
		asking(func(answers map[string]string) string { return "the model says " + answers["model"] }, "model"))
	add("ask_twice", "Asks both",
		asking(func(answers map[string]string) string { return answers["name"] + " hears " + answers["model"] }, "name", "model"))
	add("count", "Counts to three", count)
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		log.Fatal(err)
	}
}
