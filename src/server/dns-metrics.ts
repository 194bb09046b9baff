/** What the DNS server counts, as metrics. It counts by itself: a question is answered in microseconds. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { DnsCounts } from "../engine/network/dns/dns-server.ts";

const TRANSPORTS = ["udp", "tcp"];
/** Those that are answered; by their names in RFC 1035 and 6891. */
const RCODES: readonly (readonly [number, string])[] = [
  [0, "NOERROR"],
  [1, "FORMERR"],
  [2, "SERVFAIL"],
  [3, "NXDOMAIN"],
  [4, "NOTIMP"],
  [5, "REFUSED"],
  [16, "BADVERS"],
];
const NAMES = new Map(RCODES);

/** `counts` is asked at each scrape; undefined without a DNS server. */
export function measureDns(registers: Registry[], counts: () => DnsCounts | undefined): void {
  const answers: Counter = new Counter({
    name: "gantry_dns_answers_total",
    help: "Answers of the DNS server by transport and code.",
    labelNames: ["transport", "rcode"],
    registers,
    collect: () => {
      answers.reset();
      for (const transport of TRANSPORTS) {
        for (const [, rcode] of RCODES) answers.inc({ transport, rcode }, 0);
        for (const [code, count] of counts()?.answeredBy.get(transport) ?? [])
          answers.inc({ transport, rcode: NAMES.get(code) ?? String(code) }, count);
      }
    },
  });
  const total = (name: string, help: string, of: (counted: DnsCounts) => number): void => {
    const counter: Counter = new Counter({
      name,
      help,
      registers,
      collect: () => {
        const counted = counts();
        counter.reset();
        counter.inc(counted === undefined ? 0 : of(counted));
      },
    });
  };
  total(
    "gantry_dns_dropped_total",
    "Packets that the DNS server did not answer, because they are no questions.",
    ({ dropped }) => dropped,
  );
  const forwards: Counter = new Counter({
    name: "gantry_dns_forwards_total",
    help: "Questions for names outside the cluster that were not remembered, by what came of them.",
    labelNames: ["outcome"],
    registers,
    collect: () => {
      const { answered = 0, failed = 0, refused = 0 } = counts() ?? {};
      forwards.reset();
      for (const [outcome, count] of Object.entries({ answered, failed, refused }))
        forwards.inc({ outcome }, count);
    },
  });
  total(
    "gantry_dns_cache_hits_total",
    "Questions for names outside the cluster that were answered from memory.",
    ({ cacheHits }) => cacheHits,
  );
  const size: Gauge = new Gauge({
    name: "gantry_dns_cache_entries",
    help: "Answers for names outside the cluster that are remembered.",
    registers,
    collect: () => size.set(counts()?.cached ?? 0),
  });
}
