// SPDX-License-Identifier: Apache-2.0

//go:build ignore

// A Go SDK client that uses a known server through whatever answers at URL.  go-client ERA SERVER URL
//
// ERA is what negotiation must end with: legacy, or a modern revision. Prints {check: true | complaint}; exits 1 on one.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type check struct {
	name string
	run  func() error
}

func elicit(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
	return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada"}}, nil
}

func sample(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
	return &mcp.CreateMessageResult{Model: "m", Role: "assistant", Content: &mcp.TextContent{Text: "forty-two"}}, nil
}

func main() {
	era, server, url := os.Args[1], os.Args[2], os.Args[3]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	heard := make(chan float64, 16)
	client := mcp.NewClient(&mcp.Implementation{Name: "stranger-go", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler:   elicit,
		CreateMessageHandler: sample,
		ProgressNotificationHandler: func(_ context.Context, request *mcp.ProgressNotificationClientRequest) {
			heard <- request.Params.Progress
		},
	})
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: url}, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, "connect:", err)
		os.Exit(1)
	}

	call := func(params *mcp.CallToolParams) (string, error) {
		result, err := session.CallTool(ctx, params)
		if err != nil {
			return "", err
		}
		var said []string
		for _, part := range result.Content {
			if text, ok := part.(*mcp.TextContent); ok {
				said = append(said, text.Text)
			}
		}
		return strings.Join(said, "\n"), nil
	}
	says := func(wanted, name string, arguments map[string]any) func() error {
		return func() error {
			said, err := call(&mcp.CallToolParams{Name: name, Arguments: arguments})
			if err == nil && !strings.Contains(said, wanted) {
				err = fmt.Errorf("wanted %q, got %q", wanted, said)
			}
			return err
		}
	}
	lists := func(wanted string) func() error {
		return func() error {
			result, err := session.ListTools(ctx, nil)
			if err == nil && !slices.ContainsFunc(result.Tools, func(tool *mcp.Tool) bool { return tool.Name == wanted }) {
				err = fmt.Errorf("%s is not among the %d tools", wanted, len(result.Tools))
			}
			return err
		}
	}
	negotiates := check{"negotiates " + era, func() error {
		version := session.InitializeResult().ProtocolVersion
		if (era == "legacy" && version > "2025-11-25") || (era != "legacy" && version != era) {
			return fmt.Errorf("negotiated %s", version)
		}
		return nil
	}}
	none := map[string]any{} // nil would be sent as null, which the servers refuse
	checks := map[string][]check{
		"everything": {
			negotiates,
			{"lists tools", lists("echo")},
			{"calls a tool", says("Echo: grüße 🚀", "echo", map[string]any{"message": "grüße 🚀"})},
			{"hears progress", func() error {
				params := &mcp.CallToolParams{Name: "trigger-long-running-operation", Arguments: map[string]any{"duration": 1, "steps": 4}}
				params.SetProgressToken("token")
				_, err := call(params)
				// The SDK hands notifications over on another goroutine: the last may come after the result.
				for wanted := 1.0; wanted <= 4 && err == nil; wanted++ {
					select {
					case got := <-heard:
						if got != wanted {
							err = fmt.Errorf("wanted progress %v, heard %v", wanted, got)
						}
					case <-time.After(5 * time.Second):
						err = fmt.Errorf("progress %v was not heard", wanted)
					}
				}
				return err
			}},
			{"reads a resource", func() error {
				listed, err := session.ListResources(ctx, nil)
				if err != nil {
					return err
				}
				_, err = session.ReadResource(ctx, &mcp.ReadResourceParams{URI: listed.Resources[0].URI})
				return err
			}},
			{"gets a prompt", func() error {
				_, err := session.GetPrompt(ctx, &mcp.GetPromptParams{Name: "simple-prompt"})
				return err
			}},
			{"is asked for a sample", says("forty-two", "trigger-sampling-request", map[string]any{"prompt": "p", "maxTokens": 10})},
		},
		"asking": {
			negotiates,
			{"lists tools", lists("ask_name")},
			{"answers an elicitation", says("hello Ada", "ask_name", none)},
			{"answers a sampling request", says("the model says forty-two", "ask_model", none)},
			{"answers two questions of one call", says("Ada hears forty-two", "ask_twice", none)},
		},
	}[server]

	results, failed := map[string]any{}, false
	for _, check := range append(checks, check{"closes its session", session.Close}) {
		results[check.name] = true
		if err := check.run(); err != nil {
			results[check.name], failed = err.Error(), true
		}
	}
	out, _ := json.Marshal(results)
	fmt.Println(string(out))
	if failed {
		os.Exit(1)
	}
}
