// Command hcloud-tour drives a Hetzner Cloud API through the official Go client and stops at the first surprise.
//
// It is a judge for the local cloud: the client decodes every answer, waits for actions by polling, retries conflicts,
// and is the one the official CLI and the Terraform and Pulumi providers are built on. It talks to a loopback address only.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk0Zp0SSyU5oyTwV1HTAlQXUj4MaNFg0Jr8N8UDvgMj tour@test"

type tour struct {
	ctx    context.Context
	client *hcloud.Client
	// What later steps need of earlier ones.
	key       *hcloud.SSHKey
	network   *hcloud.Network
	firewall  *hcloud.Firewall
	volume    *hcloud.Volume
	group     *hcloud.PlacementGroup
	primaryIP *hcloud.PrimaryIP
	server    *hcloud.Server
	balancer  *hcloud.LoadBalancer
	snapshot  *hcloud.Image
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	endpoint, err := url.Parse(os.Getenv("HCLOUD_ENDPOINT"))
	if err != nil {
		return err
	}
	if address := net.ParseIP(endpoint.Hostname()); address == nil || !address.IsLoopback() {
		return fmt.Errorf("HCLOUD_ENDPOINT: %q is not a loopback address", endpoint.Host)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	t := &tour{ctx: ctx, client: hcloud.NewClient(
		hcloud.WithEndpoint(endpoint.String()),
		hcloud.WithToken(os.Getenv("HCLOUD_TOKEN")),
		hcloud.WithPollOpts(hcloud.PollOpts{BackoffFunc: hcloud.ConstantBackoff(5 * time.Millisecond)}),
	)}
	steps := []struct {
		name string
		run  func() error
	}{
		{"catalogue", t.catalogue},
		{"parts", t.parts},
		{"server", t.createServer},
		{"attachments", t.attachments},
		{"power and type", t.powerAndType},
		{"rebuild and snapshot", t.rebuildAndSnapshot},
		{"load balancer", t.loadBalancer},
		{"protection", t.protection},
		{"errors", t.errors},
		{"removal", t.removal},
	}
	for _, step := range steps {
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Println("ok", step.name)
	}
	return nil
}

func (t *tour) wait(actions ...*hcloud.Action) error {
	return t.client.Action.WaitFor(t.ctx, actions...)
}

func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}

func expectCode(what string, err error, code hcloud.ErrorCode) error {
	if !hcloud.IsError(err, code) {
		return fmt.Errorf("%s: got %v, want code %s", what, err, code)
	}
	return nil
}

func mustRange(text string) *net.IPNet {
	_, block, err := net.ParseCIDR(text)
	if err != nil {
		panic(err)
	}
	return block
}

func (t *tour) catalogue() error {
	serverType, _, err := t.client.ServerType.GetByName(t.ctx, "cpx21")
	if err != nil {
		return err
	}
	pricing, _, err := t.client.Pricing.Get(t.ctx)
	if err != nil {
		return err
	}
	locations, err := t.client.Location.All(t.ctx)
	if err != nil {
		return err
	}
	images, err := t.client.Image.AllWithOpts(t.ctx, hcloud.ImageListOpts{
		Type: []hcloud.ImageType{hcloud.ImageTypeSystem}, Architecture: []hcloud.Architecture{hcloud.ArchitectureX86},
	})
	if err != nil {
		return err
	}
	return errors.Join(
		expect("cores", serverType.Cores, 3),
		expect("locations of cpx21", len(serverType.Locations), 6),
		expect("deprecated in fsn1", serverType.Locations[0].IsDeprecated(), true),
		expect("currency", pricing.Volume.PerGBMonthly.Currency, "EUR"),
		expect("locations", len(locations), 6),
		expect("x86 images", len(images), 3),
	)
}

// parts makes everything a server is built from.
func (t *tour) parts() (err error) {
	location := &hcloud.Location{Name: "ash"}
	if t.key, _, err = t.client.SSHKey.Create(t.ctx, hcloud.SSHKeyCreateOpts{Name: "tour", PublicKey: publicKey}); err != nil {
		return err
	}
	if t.network, _, err = t.client.Network.Create(t.ctx, hcloud.NetworkCreateOpts{Name: "tour", IPRange: mustRange("10.0.0.0/16")}); err != nil {
		return err
	}
	subnet, _, err := t.client.Network.AddSubnet(t.ctx, t.network, hcloud.NetworkAddSubnetOpts{Subnet: hcloud.NetworkSubnet{
		Type: hcloud.NetworkSubnetTypeCloud, IPRange: mustRange("10.0.1.0/24"), NetworkZone: hcloud.NetworkZoneUSEast,
	}})
	if err != nil {
		return err
	}
	if err = t.wait(subnet); err != nil {
		return err
	}
	firewall, _, err := t.client.Firewall.Create(t.ctx, hcloud.FirewallCreateOpts{Name: "tour", Rules: []hcloud.FirewallRule{{
		Direction: hcloud.FirewallRuleDirectionIn, Protocol: hcloud.FirewallRuleProtocolTCP, Port: hcloud.Ptr("22"),
		SourceIPs: []net.IPNet{*mustRange("10.0.0.0/8")},
	}}})
	if err != nil {
		return err
	}
	t.firewall = firewall.Firewall
	volume, _, err := t.client.Volume.Create(t.ctx, hcloud.VolumeCreateOpts{Name: "tour", Size: 10, Location: location, Format: hcloud.Ptr("ext4")})
	if err != nil {
		return err
	}
	t.volume = volume.Volume
	group, _, err := t.client.PlacementGroup.Create(t.ctx, hcloud.PlacementGroupCreateOpts{Name: "tour", Type: hcloud.PlacementGroupTypeSpread})
	if err != nil {
		return err
	}
	t.group = group.PlacementGroup
	address, _, err := t.client.PrimaryIP.Create(t.ctx, hcloud.PrimaryIPCreateOpts{Name: "tour", Type: hcloud.PrimaryIPTypeIPv4, Location: location.Name})
	if err != nil {
		return err
	}
	t.primaryIP = address.PrimaryIP
	return errors.Join(t.wait(append(firewall.Actions, volume.Action)...), expect("assignee type", t.primaryIP.AssigneeType, "unassigned"))
}

func (t *tour) createServer() error {
	created, _, err := t.client.Server.Create(t.ctx, hcloud.ServerCreateOpts{
		Name: "tour", ServerType: &hcloud.ServerType{Name: "cpx21"}, Image: &hcloud.Image{Name: "debian-13"},
		Location: &hcloud.Location{Name: "ash"}, SSHKeys: []*hcloud.SSHKey{t.key}, Networks: []*hcloud.Network{t.network},
		Volumes: []*hcloud.Volume{t.volume}, Firewalls: []*hcloud.ServerCreateFirewall{{Firewall: *t.firewall}},
		PlacementGroup: t.group, PublicNet: &hcloud.ServerCreatePublicNet{EnableIPv4: true, EnableIPv6: true, IPv4: t.primaryIP},
		UserData: "#cloud-config\n", Labels: map[string]string{"tour": "yes"},
	})
	if err != nil {
		return err
	}
	if err := t.wait(append(created.NextActions, created.Action)...); err != nil {
		return err
	}
	if t.server, _, err = t.client.Server.GetByName(t.ctx, "tour"); err != nil {
		return err
	}
	return errors.Join(
		expect("status", t.server.Status, hcloud.ServerStatusRunning),
		expect("location", t.server.Location.Name, "ash"),
		expect("ip", t.server.PublicNet.IPv4.IP.String(), t.primaryIP.IP.String()),
		expect("private ip", t.server.PrivateNet[0].IP.String(), "10.0.1.1"),
		expect("volumes", len(t.server.Volumes), 1),
		expect("firewall", t.server.PublicNet.Firewalls[0].Status, hcloud.FirewallStatusApplied),
		expect("group", t.server.PlacementGroup.Name, "tour"),
	)
}

func (t *tour) attachments() error {
	detach, _, err := t.client.Server.DetachFromNetwork(t.ctx, t.server, hcloud.ServerDetachFromNetworkOpts{Network: t.network})
	if err != nil {
		return err
	}
	if err := t.wait(detach); err != nil {
		return err
	}
	attach, _, err := t.client.Server.AttachToNetwork(t.ctx, t.server, hcloud.ServerAttachToNetworkOpts{
		Network: t.network, IP: net.ParseIP("10.0.1.7"), AliasIPs: []net.IP{net.ParseIP("10.0.1.8")},
	})
	if err != nil {
		return err
	}
	if err := t.wait(attach); err != nil {
		return err
	}
	members, err := t.client.Network.AllMembers(t.ctx, t.network)
	if err != nil {
		return err
	}
	route, _, err := t.client.Network.AddRoute(t.ctx, t.network, hcloud.NetworkAddRouteOpts{
		Route: hcloud.NetworkRoute{Destination: mustRange("0.0.0.0/0"), Gateway: net.ParseIP("10.0.1.7")},
	})
	if err != nil {
		return err
	}
	pointer, _, err := t.client.Server.ChangeDNSPtr(t.ctx, t.server, t.server.PublicNet.IPv4.IP.String(), hcloud.Ptr("tour.example.com"))
	if err != nil {
		return err
	}
	resize, _, err := t.client.Volume.Resize(t.ctx, t.volume, 20)
	if err != nil {
		return err
	}
	return errors.Join(t.wait(route, pointer, resize), expect("members", len(members), 1), expect("member ip", members[0].IP.String(), "10.0.1.7"))
}

func (t *tour) powerAndType() error {
	up := hcloud.ServerChangeTypeOpts{ServerType: &hcloud.ServerType{Name: "cpx31"}, UpgradeDisk: false}
	_, _, err := t.client.Server.ChangeType(t.ctx, t.server, up)
	if err := expectCode("change of a running server", err, hcloud.ErrorCodeServerNotStopped); err != nil {
		return err
	}
	off, _, err := t.client.Server.Poweroff(t.ctx, t.server)
	if err != nil {
		return err
	}
	if err := t.wait(off); err != nil {
		return err
	}
	change, _, err := t.client.Server.ChangeType(t.ctx, t.server, up)
	if err != nil {
		return err
	}
	if err := t.wait(change); err != nil {
		return err
	}
	server, _, err := t.client.Server.GetByID(t.ctx, t.server.ID)
	if err != nil {
		return err
	}
	return errors.Join(
		expect("type", server.ServerType.Name, "cpx31"),
		expect("disk", server.PrimaryDiskSize, 80),
		expect("status", server.Status, hcloud.ServerStatusRunning),
	)
}

func (t *tour) rebuildAndSnapshot() error {
	rebuild, _, err := t.client.Server.RebuildWithResult(t.ctx, t.server, hcloud.ServerRebuildOpts{Image: &hcloud.Image{Name: "debian-12"}})
	if err != nil {
		return err
	}
	if err := t.wait(rebuild.Action); err != nil {
		return err
	}
	image, _, err := t.client.Server.CreateImage(t.ctx, t.server, &hcloud.ServerCreateImageOpts{
		Type: hcloud.ImageTypeSnapshot, Description: hcloud.Ptr("tour"),
	})
	if err != nil {
		return err
	}
	if err := t.wait(image.Action); err != nil {
		return err
	}
	if t.snapshot, _, err = t.client.Image.GetByID(t.ctx, image.Image.ID); err != nil {
		return err
	}
	return expect("snapshot", t.snapshot.Status, hcloud.ImageStatusAvailable)
}

func (t *tour) loadBalancer() error {
	created, _, err := t.client.LoadBalancer.Create(t.ctx, hcloud.LoadBalancerCreateOpts{
		Name: "tour", LoadBalancerType: &hcloud.LoadBalancerType{Name: "lb11"}, Location: &hcloud.Location{Name: "ash"},
		Network: t.network, Services: []hcloud.LoadBalancerCreateOptsService{{Protocol: hcloud.LoadBalancerServiceProtocolHTTP}},
	})
	if err != nil {
		return err
	}
	if err := t.wait(created.Action); err != nil {
		return err
	}
	target, _, err := t.client.LoadBalancer.AddServerTarget(t.ctx, created.LoadBalancer, hcloud.LoadBalancerAddServerTargetOpts{
		Server: t.server, UsePrivateIP: hcloud.Ptr(true),
	})
	if err != nil {
		return err
	}
	update, _, err := t.client.LoadBalancer.UpdateService(t.ctx, created.LoadBalancer, 80, hcloud.LoadBalancerUpdateServiceOpts{
		DestinationPort: hcloud.Ptr(8080), Proxyprotocol: hcloud.Ptr(true),
	})
	if err != nil {
		return err
	}
	if err := t.wait(target, update); err != nil {
		return err
	}
	if t.balancer, _, err = t.client.LoadBalancer.GetByName(t.ctx, "tour"); err != nil {
		return err
	}
	return errors.Join(
		expect("targets", len(t.balancer.Targets), 1),
		expect("destination", t.balancer.Services[0].DestinationPort, 8080),
		expect("private", t.balancer.PrivateNet[0].Network.ID, t.network.ID),
	)
}

func (t *tour) protection() error {
	on, _, err := t.client.Server.ChangeProtection(t.ctx, t.server, hcloud.ServerChangeProtectionOpts{Delete: hcloud.Ptr(true), Rebuild: hcloud.Ptr(true)})
	if err != nil {
		return err
	}
	if err := t.wait(on); err != nil {
		return err
	}
	_, _, err = t.client.Server.DeleteWithResult(t.ctx, t.server)
	if err := expectCode("deletion of a protected server", err, hcloud.ErrorCodeProtected); err != nil {
		return err
	}
	off, _, err := t.client.Server.ChangeProtection(t.ctx, t.server, hcloud.ServerChangeProtectionOpts{Delete: hcloud.Ptr(false), Rebuild: hcloud.Ptr(false)})
	if err != nil {
		return err
	}
	return t.wait(off)
}

func (t *tour) errors() error {
	_, _, taken := t.client.SSHKey.Create(t.ctx, hcloud.SSHKeyCreateOpts{Name: "other", PublicKey: publicKey})
	_, _, input := t.client.Network.Create(t.ctx, hcloud.NetworkCreateOpts{Name: "bad", IPRange: mustRange("8.8.8.0/24")})
	_, inUse := t.client.Firewall.Delete(t.ctx, t.firewall)
	_, assigned := t.client.PrimaryIP.Delete(t.ctx, t.primaryIP)
	_, _, gone := t.client.Datacenter.List(t.ctx, hcloud.DatacenterListOpts{})
	var apiError hcloud.Error
	fields := 0
	if errors.As(input, &apiError) {
		if details, ok := apiError.Details.(hcloud.ErrorDetailsInvalidInput); ok {
			fields = len(details.Fields)
		}
	}
	return errors.Join(
		expectCode("same key", taken, hcloud.ErrorCodeUniquenessError),
		expectCode("public range", input, hcloud.ErrorCodeInvalidInput),
		expect("fields of the error", fields, 1),
		expectCode("firewall in use", inUse, hcloud.ErrorCodeResourceInUse),
		expectCode("assigned address", assigned, "must_be_unassigned"),
		expectCode("datacenters", gone, hcloud.ErrorDeprecatedAPIEndpoint),
	)
}

func (t *tour) removal() error {
	if _, err := t.client.LoadBalancer.Delete(t.ctx, t.balancer); err != nil {
		return err
	}
	deleted, _, err := t.client.Server.DeleteWithResult(t.ctx, t.server)
	if err != nil {
		return err
	}
	if err := t.wait(deleted.Action); err != nil {
		return err
	}
	gone, _, err := t.client.Server.GetByID(t.ctx, t.server.ID)
	if err != nil {
		return err
	}
	if gone != nil {
		return fmt.Errorf("server %d is still there", gone.ID)
	}
	_, volume := t.client.Volume.Delete(t.ctx, t.volume)
	_, network := t.client.Network.Delete(t.ctx, t.network)
	_, firewall := t.client.Firewall.Delete(t.ctx, t.firewall)
	_, group := t.client.PlacementGroup.Delete(t.ctx, t.group)
	_, address := t.client.PrimaryIP.Delete(t.ctx, t.primaryIP)
	_, snapshot := t.client.Image.Delete(t.ctx, t.snapshot)
	_, key := t.client.SSHKey.Delete(t.ctx, t.key)
	return errors.Join(volume, network, firewall, group, address, snapshot, key)
}
