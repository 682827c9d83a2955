package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"stoker/client"
)

// An app's whole way: sign in, one job of two pictures, watch it, fetch the results.
func Example() {
	ctx := context.Background()
	c, err := client.New(client.Cluster{Endpoints: []string{"http://10.0.0.1:8080", "http://10.0.0.2:8080"}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	app := c.App("")
	if _, err := app.SignIn(ctx, "device-7"); err != nil {
		log.Fatal(err)
	}
	ticket, err := app.CreateJob(ctx, "interior", 2)
	if err != nil {
		log.Fatal(err)
	}
	for i, put := range ticket.PresignedURLs {
		if err := app.UploadFile(ctx, put.URL, fmt.Sprintf("room%d.jpg", i)); err != nil {
			log.Fatal(err)
		}
	}
	if err := app.ConfirmUpload(ctx, ticket.JobID); err != nil {
		log.Fatal(err)
	}
	what := client.Execution{Concepts: map[string]client.Concept{"Wall": {Action: "recolor", Value: "#88aacc"}}}
	if err := app.Execute(ctx, ticket.JobID, what); err != nil {
		log.Fatal(err)
	}
	for event, err := range app.Events(ctx, ticket.JobID, "") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Type, string(event.Data))
	}
	job, err := app.Job(ctx, ticket.JobID)
	if err != nil {
		log.Fatal(err)
	}
	for _, result := range job.DownloadURLs {
		file, err := os.Create(fmt.Sprintf("result%d.png", result.Idx))
		if err != nil {
			log.Fatal(err)
		}
		if _, err := app.Download(ctx, result.OutputURL, file); err != nil {
			log.Fatal(err)
		}
		if err := file.Close(); err != nil {
			log.Fatal(err)
		}
	}
}

// A worker that drains on SIGTERM.
func ExampleWorker() {
	cluster, err := client.LoadOperator("operator.toml")
	if err != nil {
		log.Fatal(err)
	}
	worker := client.Worker{
		Cluster: cluster, ID: "gpu-1", Presets: []string{"interior"}, Slots: 2, GPU: "RTX 4090", VRAMMB: 24564,
		Spool: "/var/lib/gpu-1/spool", Grace: 20 * time.Second,
		Loaded: func() []string { return []string{"interior"} },
		Handle: func(ctx context.Context, item *client.Item) (client.Result, error) {
			var picture bytes.Buffer
			if err := item.Download(ctx, &picture); err != nil {
				return client.Result{}, err // the network's fault: another attempt may do better
			}
			png, err := paint(ctx, picture.Bytes(), item.Concepts, item.Progress)
			switch {
			case errors.Is(err, errNoMemory):
				return client.Result{}, client.OutOfMemory(err) // next time alone on a worker
			case err != nil:
				return client.Result{}, client.BadInput(err) // the picture's fault: final, refunded
			}
			return client.Result{}, item.UploadOutput(ctx, bytes.NewReader(png))
		},
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := worker.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

var errNoMemory = errors.New("CUDA out of memory")

func paint(_ context.Context, picture []byte, _ map[string]client.Concept, progress func(int)) ([]byte, error) {
	progress(100)
	return picture, nil
}
