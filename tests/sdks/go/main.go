// The official SDK: `publish URL SOURCE` sends its events in every mode, `check SOURCE` compares what stdin has of them.
//
// In binary mode the SDK writes attributes as they are, in UTF-8, without the percent-encoding of the HTTP binding
// (3.1.3.2). Mode "binary" is as the SDK has it, in "encoded" the caller encodes.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

var modes = []string{"binary", "encoded", "structured", "batch"}

var contents = map[string]struct {
	mediaType string
	data      any
}{
	"object": {"application/json", map[string]any{"total": 12.5, "note": `ü "50 %" 🦀`, "nothing": nil}},
	"list":   {"application/json", []any{1, nil, "a b"}},
	"number": {"application/json", 42},
	"null":   {"application/json", json.RawMessage("null")},
	"text":   {"text/plain", []byte(`olá %41 "mundo"`)},
	"bytes":  {"application/octet-stream", []byte{0, 255, 1}},
}

func made(source, mode, kind string) event.Event {
	one := cloudevents.NewEvent()
	one.SetID(fmt.Sprintf(`%s-%s 50%% "é"`, mode, kind))
	one.SetSource(source)
	one.SetType("order placed")
	one.SetSubject(`olá "50 %" %41 🦀`)
	one.SetTime(time.Date(2026, 11, 23, 15, 24, 0, 123456000, time.UTC))
	one.SetExtension("tenant", "é/1 %")
	one.SetExtension("count", 7)
	one.SetExtension("flag", true)
	content := contents[kind]
	must(one.SetData(content.mediaType, content.data))
	return one
}

func events(source, mode string) []event.Event {
	var all []event.Event
	for kind := range contents {
		all = append(all, made(source, mode, kind))
	}
	return all
}

func publish(gateway, source string) {
	ctx := context.Background()
	for _, mode := range modes[:3] {
		for _, one := range events(source, mode) {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, gateway+"/events", nil)
			must(err)
			as := binding.WithForceBinary(ctx)
			if mode == "structured" {
				as = binding.WithForceStructured(ctx)
			}
			must(cehttp.WriteRequest(as, binding.ToMessage(&one), request))
			if mode == "encoded" {
				encode(request.Header)
			}
			send(request)
		}
	}
	request, err := cehttp.NewHTTPRequestFromEvents(ctx, gateway+"/events", events(source, "batch"))
	must(err)
	send(request)
}

func encode(headers http.Header) {
	for name := range headers {
		if strings.HasPrefix(name, "Ce-") {
			headers.Set(name, url.PathEscape(headers.Get(name)))
		}
	}
}

func send(request *http.Request) {
	answer, err := http.DefaultClient.Do(request)
	must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(err)
	if answer.StatusCode != http.StatusAccepted {
		log.Fatalf("%v: %d %s", request.Header, answer.StatusCode, text)
	}
}

func check(source string) {
	var stored []event.Event
	must(json.NewDecoder(os.Stdin).Decode(&stored))
	found := map[string]event.Event{}
	for _, one := range stored {
		found[one.ID()] = one
	}
	for _, mode := range modes {
		for _, sent := range events(source, mode) {
			back, known := found[sent.ID()]
			if !known {
				log.Fatalf("%s is missing", sent.ID())
			}
			if mode == "binary" {
				sent.SetSubject(strings.Replace(sent.Subject(), "%41", "A", 1)) // it was not encoded
			}
			if mode == "binary" || mode == "encoded" {
				// An attribute of binary mode is a string: CloudEvents over HTTP has no other type.
				sent.SetExtension("count", "7")
				sent.SetExtension("flag", "true")
			}
			same(sent.ID(), sent.Context, back.Context)
			if sent.DataContentType() == "application/json" {
				same(sent.ID(), decoded(sent.Data()), decoded(back.Data()))
			} else if !bytes.Equal(sent.Data(), back.Data()) {
				log.Fatalf("%s: %q was sent, %q is stored", sent.ID(), sent.Data(), back.Data())
			}
		}
	}
	if len(found) != len(modes)*len(contents) {
		log.Fatalf("%d events are stored", len(found))
	}
}

func decoded(data []byte) any {
	var value any
	must(json.Unmarshal(data, &value))
	return value
}

func same(id string, sent, back any) {
	if !reflect.DeepEqual(sent, back) {
		log.Fatalf("%s: %#v was sent, %#v is stored", id, sent, back)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	log.SetFlags(0)
	switch os.Args[1] {
	case "publish":
		publish(os.Args[2], os.Args[3])
	case "check":
		check(os.Args[2])
	}
}
