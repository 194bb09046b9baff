/**
 * Which resources a server serves: by aggregated discovery (two requests), or group by group from
 * older servers. Remembered; an unknown kind makes it look again, so that new custom resources are
 * found.
 */
import type { Resource } from "../../kube/kind.ts";
import { isObject, ownField, type UnknownObject } from "../../kube/json-object.ts";
import { parseApiVersion } from "../../kube/object.ts";
import { StatusError } from "../../kube/status-error.ts";
import type { Clock } from "../clock.ts";
import type { Transport } from "./transport.ts";

export interface DiscoveredResource extends Resource {
  readonly verbs: readonly string[];
}

const AGGREGATED =
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
/** How long `resources()` may be behind: controllers of custom resources poll it. */
const MAX_AGE_MS = 10_000;
/** An unknown kind in a loop must not become a request per turn. */
const MIN_AGE_MS = 100;

export class Discovery {
  readonly #transport: Transport;
  readonly #clock: Clock;
  #found: readonly DiscoveredResource[] | undefined;
  #foundMs = 0;
  #looking: Promise<readonly DiscoveredResource[]> | undefined;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** All resources in all versions, the preferred version of each group first. */
  async all(maxAgeMs = MAX_AGE_MS): Promise<readonly DiscoveredResource[]> {
    if (this.#found !== undefined && this.#clock.now() - this.#foundMs < maxAgeMs)
      return this.#found;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return await this.#looking;
  }

  async find(apiVersion: string, kind: string): Promise<DiscoveredResource | undefined> {
    const { group, version } = parseApiVersion(apiVersion);
    const matches = (resource: Resource): boolean =>
      resource.kind === kind && resource.version === version && resource.group === group;
    // Served kinds hardly ever go away: what was found once is good without asking again.
    return this.#found?.find(matches) ?? (await this.all(MIN_AGE_MS)).find(matches);
  }

  async #look(): Promise<readonly DiscoveredResource[]> {
    const found = [...(await this.#lookUnder("/api")), ...(await this.#lookUnder("/apis"))];
    this.#found = found;
    this.#foundMs = this.#clock.now();
    return found;
  }

  async #lookUnder(path: "/api" | "/apis"): Promise<DiscoveredResource[]> {
    const document = await this.#read(path, AGGREGATED);
    if (document.kind === "APIGroupDiscoveryList")
      return objects(document, "items").flatMap(readAggregatedGroup);
    const versions =
      path === "/api"
        ? strings(document, "versions").map((version) => `/api/${version}`)
        : objects(document, "groups").flatMap(legacyGroupPaths);
    const lists = await Promise.all(versions.map((version) => this.#readLegacy(version)));
    return lists.flat();
  }

  async #readLegacy(path: string): Promise<DiscoveredResource[]> {
    try {
      return readLegacyList(await this.#read(path));
    } catch (error) {
      // An aggregated API whose server is down must not hide all others.
      if (error instanceof StatusError && path.startsWith("/apis/")) return [];
      throw error;
    }
  }

  async #read(path: string, accept = "application/json"): Promise<UnknownObject> {
    const { text } = await this.#transport.call({ method: "GET", path, accept });
    const document: unknown = JSON.parse(text);
    if (isObject(document)) return document;
    throw StatusError.of("InternalError", `${path}: the server's discovery document is no object`);
  }
}

function readAggregatedGroup(group: UnknownObject): DiscoveredResource[] {
  const metadata = ownField(group, "metadata");
  const groupName = isObject(metadata) ? (text(metadata, "name") ?? "") : "";
  return objects(group, "versions").flatMap((version) =>
    objects(version, "resources").flatMap((resource): DiscoveredResource[] => {
      const responseKind = ownField(resource, "responseKind");
      const kind = isObject(responseKind) ? text(responseKind, "kind") : undefined;
      const plural = text(resource, "resource");
      const versionName = text(version, "version");
      if (kind === undefined || plural === undefined || versionName === undefined) return [];
      return [
        {
          group: groupName,
          version: versionName,
          kind,
          plural,
          namespaced: resource.scope === "Namespaced",
          verbs: strings(resource, "verbs"),
        },
      ];
    }),
  );
}

/** The versions of a group, the preferred one first. */
function legacyGroupPaths(group: UnknownObject): string[] {
  const preferred = ownField(group, "preferredVersion");
  const names = [
    ...(isObject(preferred) ? [preferred] : []),
    ...objects(group, "versions"),
  ].flatMap((version) => text(version, "groupVersion") ?? []);
  return [...new Set(names)].map((groupVersion) => `/apis/${groupVersion}`);
}

function readLegacyList(list: UnknownObject): DiscoveredResource[] {
  const { group, version } = parseApiVersion(text(list, "groupVersion") ?? "v1");
  return objects(list, "resources").flatMap((resource): DiscoveredResource[] => {
    const plural = text(resource, "name");
    const kind = text(resource, "kind");
    if (plural === undefined || kind === undefined || plural.includes("/")) return [];
    const namespaced = resource.namespaced === true;
    return [{ group, version, kind, plural, namespaced, verbs: strings(resource, "verbs") }];
  });
}

function objects(document: UnknownObject, field: string): UnknownObject[] {
  const value = ownField(document, field);
  return Array.isArray(value) ? value.filter(isObject) : [];
}
function strings(document: UnknownObject, field: string): string[] {
  const value = ownField(document, field);
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}
function text(document: UnknownObject, field: string): string | undefined {
  const value = ownField(document, field);
  return typeof value === "string" ? value : undefined;
}
