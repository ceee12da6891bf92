// Helper process in a machine's network namespace: a tunnel to what listens there, loopback included.
//   door.ts TUNNEL_SOCKET
import { serveConfigurations } from "./link.ts";
import { tunnelServer } from "./tunnel.ts";

const server = tunnelServer();
const listening = new Promise<void>((resolve, reject) => server.once("error", reject).listen(process.argv[2], resolve));
serveConfigurations<null>(() => listening);
