import { expect, it } from "vitest";
import { serviceLinks } from "../../../../src/engine/node/env/service-links.ts";
import type { Service } from "../../../../src/kube/kinds/service.ts";

const service = (name: string, spec: Service["spec"], annotations = {}): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "default", name, annotations },
  ...(spec === undefined ? {} : { spec }),
});

it("tells host and ports of a Service", () => {
  const ports = [
    { name: "http", port: 80 },
    { name: "dns-udp", port: 53, protocol: "UDP" },
  ];
  expect(
    Object.fromEntries(serviceLinks([service("my-api", { clusterIP: "127.96.0.9", ports })])),
  ).toEqual({
    MY_API_SERVICE_HOST: "127.96.0.9",
    MY_API_SERVICE_PORT: "80",
    MY_API_SERVICE_PORT_HTTP: "80",
    MY_API_SERVICE_PORT_DNS_UDP: "53",
    MY_API_PORT: "tcp://127.96.0.9:80",
    MY_API_PORT_80_TCP: "tcp://127.96.0.9:80",
    MY_API_PORT_80_TCP_PROTO: "tcp",
    MY_API_PORT_80_TCP_PORT: "80",
    MY_API_PORT_80_TCP_ADDR: "127.96.0.9",
    MY_API_PORT_53_UDP: "udp://127.96.0.9:53",
    MY_API_PORT_53_UDP_PROTO: "udp",
    MY_API_PORT_53_UDP_PORT: "53",
    MY_API_PORT_53_UDP_ADDR: "127.96.0.9",
  });
});

it("tells where the proxy really listens when it says so", () => {
  const annotations = { "gantry.dev/addresses": '{"80/TCP":"127.0.0.1:34567"}' };
  const env = serviceLinks([
    service("api", { clusterIP: "127.96.0.9", ports: [{ port: 80 }] }, annotations),
  ]);
  expect(env.get("API_SERVICE_HOST")).toBe("127.0.0.1");
  expect(env.get("API_SERVICE_PORT")).toBe("34567");
  expect(env.get("API_PORT_80_TCP")).toBe("tcp://127.0.0.1:34567");
});

it.each(["{", "null", "[]", '{"80/TCP": 3}', '{"80/TCP": "nonsense"}'])(
  "ignores an annotation that makes no sense: %s",
  (text) => {
    const spec = { clusterIP: "127.96.0.9", ports: [{ port: 80 }] };
    const env = serviceLinks([service("api", spec, { "gantry.dev/addresses": text })]);
    expect(env.get("API_SERVICE_HOST")).toBe("127.96.0.9");
  },
);

it("leaves out Services without an address or ports", () => {
  expect([
    ...serviceLinks([
      service("headless", { clusterIP: "None", ports: [{ port: 80 }] }),
      service("external", { type: "ExternalName", externalName: "example.com" }),
      service("portless", { clusterIP: "127.96.0.9" }),
    ]),
  ]).toEqual([]);
});
