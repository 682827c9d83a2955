package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"stoker/cli/webhook"
	"stoker/client"
)

// webhookCommand is `stoker webhook`.
type webhookCommand struct {
	List       webhookList       `cmd:"" default:"withargs" help:"List webhooks and where they stand (what plain \"stoker webhook\" does)."`
	Show       webhookShow       `cmd:"" help:"Show all that is known of one."`
	Deliveries webhookDeliveries `cmd:"" help:"List events that did not arrive: why, how often they were tried, when next."`
	Redeliver  webhookRedeliver  `cmd:"" help:"Have deliveries tried now, those that were given up too."`
	Test       webhookTest       `cmd:"" help:"Post a ping to a webhook and say what it answers."`
}

// Help shows how to call it.
func (*webhookCommand) Help() string {
	return `Webhooks are part of the app's configuration: [webhooks.NAME] in stoker.app.toml, put into force by "stoker deploy".

  stoker secret put webhook.shop          # signs what it is told
  stoker webhook test shop
  stoker webhook deliveries shop --status failed
  stoker webhook redeliver shop --all`
}

// oneWebhook names a webhook.
type oneWebhook struct {
	operatorFlags
	Webhook string `arg:"" complete:"webhook" help:"Its name, as in the configuration."`
}

// noSuchWebhook is what to do about a name that nobody knows.
var noSuchWebhook = hints{codeNotFound: "`stoker webhook` lists those that there are"}

type webhookList struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

type webhookShow struct {
	oneWebhook
	JSON bool `name:"json" help:"Print JSON."`
}

type webhookDeliveries struct {
	oneWebhook
	Status string `enum:",waiting,due,failed" default:"" help:"Only those that are waiting for their back-off, due, or failed: given up."`
	Cursor string `metavar:"CURSOR" help:"Go on where an earlier list ended."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

type webhookRedeliver struct {
	oneWebhook
	Delivery string `arg:"" optional:"" help:"Its id, ev_…"`
	All      bool   `help:"Every one that was given up."`
}

type webhookTest struct {
	oneWebhook
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists.
func (c *webhookList) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		all, err := o.Webhooks(ctx)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(all)
		}
		webhook.List(s.out, all, s.now())
		return nil
	})
}

// Run shows one.
func (c *webhookShow) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		all, err := o.Webhooks(ctx)
		if err != nil {
			return advise(err, nil)
		}
		i := slices.IndexFunc(all, func(h client.Webhook) bool { return h.Name == c.Webhook })
		switch {
		case i < 0:
			return fmt.Errorf("no webhook %q; %s", c.Webhook, noSuchWebhook[codeNotFound])
		case c.JSON:
			return s.printJSON(all[i])
		}
		webhook.Show(s.out, all[i], s.now())
		return nil
	})
}

// Run lists a page.
func (c *webhookDeliveries) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		page, err := o.Deliveries(ctx, c.Webhook, c.Status, c.Cursor)
		switch {
		case err != nil:
			return advise(err, noSuchWebhook)
		case c.JSON:
			return s.printJSON(page)
		}
		webhook.Deliveries(s.out, c.Webhook, page, s.now())
		return nil
	})
}

// Run has one tried now, or all that were given up.
func (c *webhookRedeliver) Run(s *shell) error {
	if c.All == (c.Delivery != "") {
		return errors.New("which one? Give the id of a delivery, or --all")
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		if !c.All {
			if err := o.Redeliver(ctx, c.Webhook, c.Delivery); err != nil {
				return advise(err, hints{codeNotFound: "`stoker webhook deliveries " + c.Webhook + "` lists them"})
			}
			s.printf("It is tried now; `stoker webhook deliveries %s` lists it no more when it has arrived.\n", c.Webhook)
			return nil
		}
		n, cursor := 0, ""
		for {
			page, err := o.Deliveries(ctx, c.Webhook, "failed", cursor)
			if err != nil {
				return advise(err, noSuchWebhook)
			}
			for _, d := range page.Deliveries {
				switch err := o.Redeliver(ctx, c.Webhook, d.ID); {
				case client.Is(err, codeNotFound): // it is listed no more since the page was read
				case err != nil:
					return fmt.Errorf("%d are tried again, then: %w", n, advise(err, noSuchWebhook))
				default:
					n++
				}
			}
			if cursor = page.Next; cursor == "" {
				s.printf("%d are tried again.\n", n)
				return nil
			}
		}
	})
}

// Run posts a ping.
func (c *webhookTest) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		p, err := o.PingWebhook(ctx, c.Webhook)
		switch {
		case err != nil:
			return advise(err, noSuchWebhook)
		case c.JSON:
			return s.printJSON(p)
		case !p.Arrived:
			return fmt.Errorf("the ping did not arrive: %s", p.LastError)
		}
		s.printf("The ping arrived: %d after %d ms.\n", p.LastStatus, p.TookMS)
		return nil
	})
}
