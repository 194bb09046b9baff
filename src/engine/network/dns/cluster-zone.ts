/**
 * The cluster zone: every name below `cluster.local`, answered from informers. What a Service's
 * names stand for is worked out when first asked for and kept, encoded, until the Service or one of
 * its slices changes. Names that are not there are answered here as well: none of them ever leaves.
 */
import type { Clock } from "../../../client/clock.ts";
import type { Informer } from "../../../client/informer.ts";
import type { Informers } from "../../../client/informers.ts";
import { type EndpointSlice, endpointSlices } from "../../../kube/kinds/endpointslice.ts";
import { type Namespace, namespaces } from "../../../kube/kinds/namespace.ts";
import { type Pod, pods } from "../../../kube/kinds/pod.ts";
import { type Service, services } from "../../../kube/kinds/service.ts";
import { keyOf } from "../../../kube/object.ts";
import { CLUSTER_DOMAIN } from "../../cluster-domain.ts";
import {
  anyAnswer,
  negativeAnswer,
  ownName,
  positiveAnswer,
  startOfAuthority,
} from "./local-answers.ts";
import { TYPE } from "./record-types.ts";
import { addressData, joinRecords, QUESTION_NAME, record, srvData, txtData } from "./records.ts";
import type { Answer } from "./response.ts";
import { endsWith } from "./reverse-zone.ts";
import {
  dashed,
  ENDPOINT_TTL_SECONDS,
  type NameRecords,
  STABLE_TTL_SECONDS,
  serviceNameOf,
  serviceNames,
} from "./service-names.ts";

/** Of the specification that the zone follows. */
const SCHEMA_VERSION = "1.1.0";
const BY_SERVICE = "dns/by-service";
const BY_POD_ADDRESS = "dns/by-pod-ip";
/** Weights of locations add up to about this. */
const TOTAL_WEIGHT = 100;

const ZONE_LABELS = CLUSTER_DOMAIN.split(".");
const ZONE = ownName(CLUSTER_DOMAIN);
const SERVER = ownName(`ns.dns.${CLUSTER_DOMAIN}`);
const MAILBOX = ownName(`hostmaster.${CLUSTER_DOMAIN}`);

/** Another name stands for this one: whoever resolves goes on with it. */
export interface Alias {
  readonly alias: string;
  readonly ttlSeconds: number;
}
export const isAlias = (resolution: Answer | Alias): resolution is Alias => "alias" in resolution;

interface Name {
  readonly records: NameRecords;
  /** Encoded, by record type, as far as asked for. */
  readonly answers: Map<number, Answer>;
}
type Names = ReadonlyMap<string, Name>;

export interface ClusterZoneOptions {
  readonly informers: Informers;
  readonly clock: Clock;
  /** Where the server itself is reached: the zone's name server. */
  readonly serverAddress: string;
}

export class ClusterZone {
  readonly #clock: Clock;
  readonly #serverAddress: string;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #namespaces: Informer<Namespace>;
  readonly #pods: Informer<Pod>;
  readonly #unsubscribe: readonly (() => void)[];
  /** By Service, as far as asked for since their last change. */
  readonly #names = new Map<string, Names>();
  #changedAtSeconds: number;

  /** Register before `informers.start()`. */
  constructor({ informers, clock, serverAddress }: ClusterZoneOptions) {
    this.#clock = clock;
    this.#serverAddress = serverAddress;
    this.#changedAtSeconds = Math.floor(clock.now() / 1000);
    this.#services = informers.of(services);
    this.#slices = informers.of(endpointSlices);
    this.#namespaces = informers.of(namespaces);
    this.#pods = informers.of(pods);
    this.#slices.addIndex(BY_SERVICE, (slice) => [serviceKeyOf(slice)]);
    this.#pods.addIndex(BY_POD_ADDRESS, (pod) =>
      addressesOf(pod).map((ip) => `${pod.metadata.namespace ?? ""}/${dashed(ip)}`),
    );
    this.#unsubscribe = [
      this.#services.onChange(({ object }) => this.#forget(keyOf(object))),
      this.#slices.onChange(({ object }) => this.#forget(serviceKeyOf(object))),
    ];
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#names.clear();
  }

  /** `labels` in lower case, the most specific one first. Undefined for names outside the zone. */
  resolve(labels: readonly string[], type: number): Answer | Alias | undefined {
    if (!endsWith(labels, ZONE_LABELS)) return undefined;
    const below = labels.slice(0, -ZONE_LABELS.length);
    const kind = below.at(-1);
    if (kind === "svc") return this.#service(below.slice(0, -1), type);
    if (kind === "pod") return this.#pod(below.slice(0, -1), type);
    return this.#ownName(below.join("."), type);
  }

  #service(labels: readonly string[], type: number): Answer | Alias {
    const namespace = labels.at(-1);
    const service = labels.at(-2);
    if (namespace === undefined) return this.#negative(true);
    if (service === undefined) return this.#negative(this.#namespaces.get(namespace) !== undefined);
    const names = this.#namesOf(`${namespace}/${service}`);
    const found = names?.get(labels.slice(0, -2).join("."));
    if (names === undefined || found === undefined) return this.#negative(false);
    const { alias, ttlSeconds } = found.records;
    if (alias !== undefined) return { alias, ttlSeconds };
    let answer = found.answers.get(type);
    if (answer === undefined) {
      const domain = `${service}.${namespace}.svc.${CLUSTER_DOMAIN}`;
      answer = encode(found.records, type, domain, names);
      if (answer === undefined) return this.#negative(true);
      found.answers.set(type, answer);
    }
    return answer;
  }

  #namesOf(key: string): Names | undefined {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const service = this.#services.get(key);
    if (service === undefined) return undefined;
    const found = serviceNames(service, this.#slices.byIndex(BY_SERVICE, key));
    const names = new Map(
      [...found].map(([below, records]) => [below, { records, answers: new Map() }]),
    );
    this.#names.set(key, names);
    return names;
  }

  /** `a-b-c-d.<namespace>`: only of pods that are there, so that nobody makes names up. */
  #pod(labels: readonly string[], type: number): Answer {
    const [label, namespace] = [labels.at(-2), labels.at(-1)];
    if (namespace === undefined) return this.#negative(true);
    if (label === undefined) return this.#negative(this.#namespaces.get(namespace) !== undefined);
    const [pod] = this.#pods.byIndex(BY_POD_ADDRESS, `${namespace}/${label}`);
    if (pod === undefined || labels.length > 2) return this.#negative(false);
    if (type === TYPE.ANY) return anyAnswer();
    const ip = addressesOf(pod).find((own) => dashed(own) === label);
    const address = addressData(ip ?? "");
    if (address?.type !== type) return this.#negative(true);
    return positiveAnswer([record(QUESTION_NAME, type, ENDPOINT_TTL_SECONDS, address.data)]);
  }

  /** The zone itself and what is in it besides Services and pods. */
  #ownName(below: string, type: number): Answer {
    const records = this.#ownRecords(below);
    if (records === undefined) return this.#negative(false);
    if (type === TYPE.ANY && records.length > 0) return anyAnswer();
    const found = records.filter((own) => own.type === type);
    if (found.length === 0) return this.#negative(true);
    return positiveAnswer(
      found.map(({ data }) => record(QUESTION_NAME, type, STABLE_TTL_SECONDS, data)),
    );
  }

  #ownRecords(
    below: string,
  ): readonly { readonly type: number; readonly data: Buffer }[] | undefined {
    const address = addressData(this.#serverAddress);
    switch (below) {
      case "":
        return [
          { type: TYPE.SOA, data: this.#soa() },
          { type: TYPE.NS, data: SERVER },
        ];
      case "dns-version":
        return [{ type: TYPE.TXT, data: txtData(SCHEMA_VERSION) }];
      case "ns.dns":
        return address === undefined ? [] : [address];
      case "dns":
        return [];
      default:
        return undefined;
    }
  }

  #negative(exists: boolean): Answer {
    return negativeAnswer(exists, ZONE, this.#soa(), ENDPOINT_TTL_SECONDS);
  }

  #soa(): Buffer {
    return startOfAuthority({
      server: SERVER,
      mailbox: MAILBOX,
      serial: this.#changedAtSeconds,
      negativeSeconds: ENDPOINT_TTL_SECONDS,
    });
  }

  #forget(key: string): void {
    this.#names.delete(key);
    this.#changedAtSeconds = Math.floor(this.#clock.now() / 1000);
  }
}

/** Undefined when the name has no such records. `domain`: of the Service whose names these are. */
function encode(
  records: NameRecords,
  type: number,
  domain: string,
  names: Names,
): Answer | undefined {
  const { addresses, locations, ttlSeconds } = records;
  if (type === TYPE.ANY) return addresses.length + locations.length === 0 ? undefined : anyAnswer();
  if (type === TYPE.SRV)
    return locations.length === 0 ? undefined : encodeLocations(records, domain, names);
  const found = addresses.flatMap((ip) => {
    const address = addressData(ip);
    return address?.type === type ? [record(QUESTION_NAME, type, ttlSeconds, address.data)] : [];
  });
  return found.length === 0 ? undefined : positiveAnswer(found);
}

/** With the addresses of the targets, so that nobody has to ask again. */
function encodeLocations(
  { locations, ttlSeconds }: NameRecords,
  domain: string,
  names: Names,
): Answer {
  const weight = Math.max(1, Math.floor(TOTAL_WEIGHT / locations.length));
  const targets = new Map<string, Buffer>();
  for (const { target } of locations)
    if (!targets.has(target))
      targets.set(target, ownName(target === "" ? domain : `${target}.${domain}`));
  const answers = locations.map(({ port, target }) => {
    const owner = targets.get(target) ?? SERVER;
    return record(QUESTION_NAME, TYPE.SRV, ttlSeconds, srvData(port, weight, owner));
  });
  const additional = [...targets].flatMap(([target, owner]) =>
    (names.get(target)?.records.addresses ?? []).flatMap((ip) => {
      const address = addressData(ip);
      return address === undefined ? [] : [record(owner, address.type, ttlSeconds, address.data)];
    }),
  );
  return { ...positiveAnswer(answers), additional: joinRecords(additional) };
}

const serviceKeyOf = (slice: EndpointSlice): string =>
  `${slice.metadata.namespace ?? ""}/${serviceNameOf(slice) ?? ""}`;

/** Of a pod that is not over. */
function addressesOf({ status }: Pod): readonly string[] {
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return [];
  const { podIP, podIPs = [] } = status ?? {};
  return [...new Set([...(podIP ? [podIP] : []), ...podIPs.flatMap(({ ip }) => ip ?? [])])];
}
