"""Drives a Hetzner Cloud API through the official Python client and stops at the first surprise.

A judge for the local cloud; it talks to a loopback address only. Needs HCLOUD_ENDPOINT and HCLOUD_TOKEN.
"""

import os
import sys
from urllib.parse import urlparse

from hcloud import APIException, Client
from hcloud.firewalls.domain import FirewallRule
from hcloud.images import Image
from hcloud.load_balancer_types import LoadBalancerType
from hcloud.load_balancers.domain import LoadBalancerHealthCheck, LoadBalancerService, LoadBalancerTarget
from hcloud.locations import Location
from hcloud.networks.domain import NetworkRoute, NetworkSubnet
from hcloud.server_types import ServerType
from hcloud.servers.domain import ServerCreatePublicNetwork

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk0Zp0SSyU5oyTwV1HTAlQXUj4MaNFg0Jr8N8UDvgMj tour@test"


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def refused(what, code, call):
    try:
        call()
    except APIException as error:
        expect(what, error.code, code)
    else:
        raise AssertionError(f"{what}: was not refused")


def connect():
    endpoint = os.environ["HCLOUD_ENDPOINT"]
    if urlparse(endpoint).hostname != "127.0.0.1":
        sys.exit(f"HCLOUD_ENDPOINT: {endpoint} is not a loopback address")
    return Client(token=os.environ["HCLOUD_TOKEN"], api_endpoint=endpoint, poll_interval=0.01)


def finish(*actions):
    for action in actions:
        action.wait_until_finished()


def catalogue(client):
    server_type = client.server_types.get_by_name("cpx21")
    expect("cores", server_type.cores, 3)
    expect("locations", sorted(location.name for location in client.locations.get_all()),
           ["ash", "fsn1", "hel1", "hil", "nbg1", "sin"])
    image = client.images.get_by_name_and_architecture("debian-13", "x86")
    expect("image", (image.os_flavor, image.status), ("debian", "available"))


def parts(client):
    location = Location(name="fsn1")
    key = client.ssh_keys.create(name="py", public_key=PUBLIC_KEY)
    network = client.networks.create(name="py", ip_range="10.0.0.0/16")
    finish(client.networks.add_subnet(network, NetworkSubnet(ip_range="10.0.1.0/24", type="cloud", network_zone="eu-central")))
    firewall = client.firewalls.create(
        name="py", rules=[FirewallRule(direction="in", protocol="tcp", port="22", source_ips=["0.0.0.0/0", "::/0"])]
    )
    finish(*(firewall.actions or []))
    volume = client.volumes.create(size=10, name="py", location=location, format="ext4")
    finish(volume.action)
    group = client.placement_groups.create(name="py", type="spread")
    address = client.primary_ips.create(type="ipv4", name="py", location=location)
    return key, network, firewall.firewall, volume.volume, group.placement_group, address.primary_ip


def create_server(client, key, network, firewall, volume, group, address):
    created = client.servers.create(
        name="py",
        server_type=ServerType(name="cpx22"),
        image=Image(name="debian-13"),
        location=Location(name="fsn1"),
        ssh_keys=[key],
        networks=[network],
        firewalls=[firewall],
        volumes=[volume],
        placement_group=group,
        public_net=ServerCreatePublicNetwork(ipv4=address, enable_ipv4=True, enable_ipv6=False),
        user_data="#cloud-config\n",
        labels={"tour": "py"},
    )
    finish(created.action, *created.next_actions)
    server = client.servers.get_by_name("py")
    expect("status", server.status, "running")
    expect("public", (server.public_net.ipv4.ip, server.public_net.ipv6), (address.ip, None))
    expect("private", server.private_net[0].ip, "10.0.1.1")
    expect("volumes", [one.id for one in server.volumes], [volume.id])
    return server


def change(client, server):
    finish(client.servers.power_off(server))
    finish(client.servers.change_type(server, ServerType(name="cpx32"), upgrade_disk=False))
    server.reload()
    expect("type", (server.server_type.name, server.primary_disk_size, server.status), ("cpx32", 80, "running"))
    finish(client.servers.change_dns_ptr(server, server.public_net.ipv4.ip, "py.example.com"))
    finish(client.servers.enable_backup(server))
    snapshot = client.servers.create_image(server, description="py", type="snapshot")
    finish(snapshot.action)
    expect("snapshot", client.images.get_by_id(snapshot.image.id).status, "available")
    return snapshot.image


def balance(client, server, network):
    service = LoadBalancerService(
        protocol="tcp", listen_port=80, destination_port=8080, proxyprotocol=False,
        health_check=LoadBalancerHealthCheck(protocol="tcp", port=8080, interval=15, timeout=10, retries=3),
    )
    created = client.load_balancers.create(
        name="py", load_balancer_type=LoadBalancerType(name="lb11"), location=Location(name="fsn1"),
        network=network, services=[service],
    )
    finish(created.action)
    finish(client.load_balancers.add_target(
        created.load_balancer, LoadBalancerTarget(type="server", server=server, use_private_ip=True)))
    balancer = client.load_balancers.get_by_name("py")
    expect("targets", [target.server.id for target in balancer.targets], [server.id])
    expect("listen port", balancer.services[0].listen_port, 80)
    return balancer


def protect(client, server):
    finish(client.servers.change_protection(server, delete=True, rebuild=True))
    refused("deletion of a protected server", "protected", lambda: client.servers.delete(server))
    refused("rebuild of a protected server", "protected", lambda: client.servers.rebuild(server, Image(name="debian-12")))
    finish(client.servers.change_protection(server, delete=False, rebuild=False))


def main():
    client = connect()
    catalogue(client)
    key, network, firewall, volume, group, address = parts(client)
    server = create_server(client, key, network, firewall, volume, group, address)
    image = change(client, server)
    finish(client.networks.add_route(network, NetworkRoute(destination="0.0.0.0/0", gateway="10.0.1.1")))
    balancer = balance(client, server, network)
    protect(client, server)
    refused("key twice", "uniqueness_error", lambda: client.ssh_keys.create(name="two", public_key=PUBLIC_KEY))
    client.load_balancers.delete(balancer)
    finish(client.servers.delete(server))
    for resource in (volume, network, firewall, group, client.primary_ips.get_by_id(address.id), key):
        resource.delete()
    client.images.delete(image)
    expect("servers left", client.servers.get_all(), [])
    print("ok python tour")


if __name__ == "__main__":
    main()
