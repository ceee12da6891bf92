// Runs a cloud with one machine until it is killed, or told to close by SIGTERM. Prints "ready" when the machine is.
//   holder.ts STATE_DIR
import { once } from "node:events";
import { bootAll, startCloud } from "./support.ts";

const cloud = await startCloud("baked", process.argv[2]);
const hosts = [{ id: 1, publicIpv4: "5.75.1.1", privateIp: "10.0.1.1" }];
await cloud.driver.createVolume({ id: 41, name: "data", sizeGiB: 10, format: "ext4" });
await cloud.driver.provision(cloud.spec(1));
await cloud.driver.attachVolume(41, 1, true);
await bootAll(cloud, hosts);
// Listens before it says so: the signal may follow at once. A signal alone keeps no process alive; machines do.
const told = once(process, "SIGTERM");
process.stdout.write("ready\n");
await told;
await cloud.driver.close();
process.stdout.write("closed\n");
