import { afterEach, expect, test } from "vitest";
import type { DnsServerOptions } from "../../../../src/engine/network/dns/dns-server.ts";
import { DnsHarness } from "./dns-harness.ts";
import { a, FakeUpstream, type Respond } from "./fake-upstream.ts";

const DOMAIN = "default.svc.cluster.local";
let dns: DnsHarness | undefined;
let server: FakeUpstream | undefined;
afterEach(async () => {
  await dns?.stop();
  await server?.stop();
  dns = server = undefined;
});

async function start(respond: Respond, options: Partial<DnsServerOptions> = {}) {
  server = await FakeUpstream.start(respond);
  dns = await DnsHarness.start({ upstreams: [server], ...options });
  return { dns, ask: dns.ask.bind(dns), server };
}
const external = (externalName: string) => ({ type: "ExternalName", externalName });

test("an ExternalName Service is an alias, told with the address behind it", async () => {
  const { dns, ask } = await start(({ name }) => ({
    answers: [
      { name, type: "CNAME", data: "real.example", ttl: 60 },
      a("real.example", "192.0.2.1"),
      a("real.example", "192.0.2.2"),
    ],
  }));
  await dns.service("shop", external("shop.example"));
  const answer = await ask(`SHOP.${DOMAIN}`, "A");
  expect(answer.data).toEqual([
    "CNAME shop.example",
    "CNAME real.example",
    "A 192.0.2.1",
    "A 192.0.2.2",
  ]);
  expect(answer.answers?.map(({ name }) => name)).toEqual([
    `SHOP.${DOMAIN}`,
    "shop.example",
    "real.example",
    "real.example",
  ]);
  expect((await ask(`shop.${DOMAIN}`, "CNAME")).data).toEqual(["CNAME shop.example"]);
});

test("an alias of a Service of the cluster is followed here, and of an alias, too", async () => {
  const { dns, ask, server } = await start(() => ({ answers: [] }));
  await dns.service("one", external(`two.${DOMAIN}`));
  await dns.service("two", external("kubernetes.default.svc.cluster.local"));
  await dns.service("lost", external(`nowhere.${DOMAIN}`));
  expect((await ask(`one.${DOMAIN}`, "A")).data).toEqual([
    `CNAME two.${DOMAIN}`,
    "CNAME kubernetes.default.svc.cluster.local",
    "A 127.96.0.1",
  ]);
  const lost = await ask(`lost.${DOMAIN}`, "A");
  expect([lost.rcode, lost.data, lost.authorities?.length]).toEqual([
    3,
    [`CNAME nowhere.${DOMAIN}`],
    1,
  ]);
  expect((await ask(`one.${DOMAIN}`, "AAAA")).data).toHaveLength(2);
  expect(server.names()).toEqual([]);
});

test("aliases in a circle end in a failure", async () => {
  const { dns, ask } = await start(() => undefined);
  await dns.service("a", external(`b.${DOMAIN}`));
  await dns.service("b", external(`a.${DOMAIN}`));
  expect((await ask(`a.${DOMAIN}`, "A")).rcode).toBe(2);
});

test("what upstream says of the name behind the alias is the answer", async () => {
  const { dns, ask, server } = await start(({ name }) =>
    name.startsWith("gone") ? { flags: 0x183 } : { flags: 0x182 },
  );
  await dns.service("gone", external("gone.example"));
  await dns.service("broken", external("broken.example"));
  const gone = await ask(`gone.${DOMAIN}`, "A");
  expect([gone.rcode, gone.data]).toEqual([3, ["CNAME gone.example"]]);
  expect((await ask(`broken.${DOMAIN}`, "A")).rcode).toBe(2);
  server.respond = () => undefined;
  await dns.service("silent", external("silent.example"));
  expect((await ask(`silent.${DOMAIN}`, "A")).rcode).toBe(2);
});

test("where nobody may be asked the alias alone is told", async () => {
  const { dns, ask } = await start(() => undefined, { upstreams: [] });
  await dns.service("shop", external("shop.example"));
  expect((await ask(`shop.${DOMAIN}`, "A")).data).toEqual(["CNAME shop.example"]);
});
