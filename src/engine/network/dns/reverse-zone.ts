/**
 * Names of addresses: those of Services, of endpoints with a hostname, and `localhost`. The loopback
 * network is ours alone (RFC 6303); of other addresses that we know nothing of, others may.
 */
import type { Informer } from "../../../client/informer.ts";
import type { Informers } from "../../../client/informers.ts";
import { type EndpointSlice, endpointSlices } from "../../../kube/kinds/endpointslice.ts";
import { type Service, services } from "../../../kube/kinds/service.ts";
import { CLUSTER_DOMAIN } from "../../cluster-domain.ts";
import {
  anyAnswer,
  negativeAnswer,
  ownName,
  positiveAnswer,
  startOfAuthority,
} from "./local-answers.ts";
import { TYPE } from "./record-types.ts";
import { addressData, QUESTION_NAME, record } from "./records.ts";
import type { Answer } from "./response.ts";
import { ENDPOINT_TTL_SECONDS, serviceNameOf } from "./service-names.ts";
import { encodeName } from "./wire-name.ts";

const BY_CLUSTER_IP = "dns/by-cluster-ip";
const BY_NAMED_ENDPOINT = "dns/by-named-endpoint";
/** An address has a name or two; where many share it, more tell nobody anything. */
const MAX_NAMES = 16;
const LOOPBACK_ZONE = ["127", "in-addr", "arpa"];
/** 127.0.0.1 and ::1. Pods of the process runtime share it, so it cannot tell one from another. */
const LOOPBACKS = new Set(["7f000001", `${"0".repeat(31)}1`]);
/** It never changes: nothing in the loopback network is delegated. */
const SOA = startOfAuthority({
  server: ownName(`ns.dns.${CLUSTER_DOMAIN}`),
  mailbox: ownName(`hostmaster.${CLUSTER_DOMAIN}`),
  serial: 1,
  negativeSeconds: ENDPOINT_TTL_SECONDS,
});
const LOCALHOST = ownName("localhost");
const LOOPBACK_ZONE_NAME = ownName(LOOPBACK_ZONE.join("."));

export class ReverseZone {
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;

  /** Register before `informers.start()`. */
  constructor(informers: Informers) {
    this.#services = informers.of(services);
    this.#slices = informers.of(endpointSlices);
    this.#services.addIndex(BY_CLUSTER_IP, ({ spec }) =>
      [...new Set([spec?.clusterIP, ...(spec?.clusterIPs ?? [])])].flatMap((ip) => idOf(ip) ?? []),
    );
    this.#slices.addIndex(BY_NAMED_ENDPOINT, namedAddresses);
  }

  /** Undefined where others may know. */
  resolve(labels: readonly string[], type: number): Answer | undefined {
    const id = reversedAddress(labels);
    const names = id === undefined ? [] : LOOPBACKS.has(id) ? [LOCALHOST] : this.#namesOf(id);
    if (names.length === 0) {
      const isOurs = endsWith(labels, LOOPBACK_ZONE);
      return isOurs
        ? negativeAnswer(false, LOOPBACK_ZONE_NAME, SOA, ENDPOINT_TTL_SECONDS)
        : undefined;
    }
    if (type === TYPE.ANY) return anyAnswer();
    if (type !== TYPE.PTR) return negativeAnswer(true, QUESTION_NAME, SOA, ENDPOINT_TTL_SECONDS);
    return positiveAnswer(
      names
        .slice(0, MAX_NAMES)
        .map((name) => record(QUESTION_NAME, TYPE.PTR, ENDPOINT_TTL_SECONDS, name)),
    );
  }

  /** Encoded. Labels of slices that were written by hand need not make a name: those have none. */
  #namesOf(id: string): Buffer[] {
    const ofServices = this.#services
      .byIndex(BY_CLUSTER_IP, id)
      .map(({ metadata }) => `${metadata.name}.${metadata.namespace ?? ""}`);
    const ofEndpoints = this.#slices.byIndex(BY_NAMED_ENDPOINT, id).flatMap((slice) => {
      const service = `${serviceNameOf(slice) ?? ""}.${slice.metadata.namespace ?? ""}`;
      return (slice.endpoints ?? [])
        .filter(({ addresses: [ip] }) => idOf(ip) === id)
        .flatMap(({ hostname = "" }) => (hostname === "" ? [] : [`${hostname}.${service}`]));
    });
    return [...new Set([...ofServices, ...ofEndpoints])].flatMap(
      (name) => encodeName(`${name.toLowerCase()}.svc.${CLUSTER_DOMAIN}`) ?? [],
    );
  }
}

function namedAddresses(slice: EndpointSlice): string[] {
  if (slice.addressType === "FQDN" || serviceNameOf(slice) === undefined) return [];
  const ids = (slice.endpoints ?? [])
    .filter(({ hostname = "", conditions }) => hostname !== "" && conditions?.ready !== false)
    .flatMap(({ addresses: [ip] }) => idOf(ip) ?? []);
  return [...new Set(ids)];
}

/** The bytes of an address in hexadecimal: one form for each address, however it is written. */
function idOf(ip: string | undefined): string | undefined {
  return ip === undefined ? undefined : addressData(ip)?.data.toString("hex");
}

/** The address that a whole name below `in-addr.arpa` or `ip6.arpa` stands for. */
export function reversedAddress(labels: readonly string[]): string | undefined {
  if (labels.length === 6 && endsWith(labels, ["in-addr", "arpa"])) {
    const bytes = labels.slice(0, 4).reverse();
    if (!bytes.every((byte) => /^(0|[1-9]\d{0,2})$/.test(byte))) return undefined;
    return idOf(bytes.join("."));
  }
  if (labels.length !== 34 || !endsWith(labels, ["ip6", "arpa"])) return undefined;
  const digits = labels.slice(0, 32).reverse();
  return digits.every((digit) => /^[0-9a-f]$/.test(digit)) ? digits.join("") : undefined;
}

export function endsWith(labels: readonly string[], suffix: readonly string[]): boolean {
  const start = labels.length - suffix.length;
  return start >= 0 && suffix.every((label, index) => labels[start + index] === label);
}
