/** Ports of the platform's services, named once. */
export const ports = {
  http: 80,
  https: 443,
  ssh: 22,
  app: 8080,
  postgres: 5432,
  pgbouncer: 6432,
  patroni: 8008,
  etcdClient: 2379,
  etcdPeer: 2380,
  redis: 6379,
  sentinel: 26379,
  nodeExporter: 9100,
  kubernetesApi: 6443,
  kubelet: 10250,
  flannelVxlan: 8472,
  /** NodePort of the ingress controller, on every k3s machine. */
  ingress: 30080,
} as const;
