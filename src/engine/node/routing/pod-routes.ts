/**
 * What Services make of a pod, and the two waits that make a rollout lose no request: until every
 * proxy routes to a new pod, and until none does any more to one that is to stop.
 */
import type { EndpointSlice } from "../../../kube/kinds/endpointslice.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import { matchesLabels, selectorFromLabels } from "../../../kube/label-selector.ts";
import type { Clock } from "../../../client/clock.ts";
import type { Informer } from "../../../client/informer.ts";
import type { RoutingBoard } from "../../network/routing-board.ts";
import { namespaceOf, uidOf } from "../pod-model.ts";

const SERVICE_LABEL = "kubernetes.io/service-name";
const BY_POD = "endpoints.targetRef.uid";
const BY_SERVICE = "namespace/service-name";
/** One pair of the selector is enough to find the candidates among many Services. */
const BY_SELECTOR = "namespace/selector-pair";

/**
 * A pod that was ready and that a Service selects, but that no slice lists: its listing may be under
 * way, written before its deletion was seen. The controller needs a few milliseconds for it.
 */
const LISTING_MS = 500;

export interface PodRoutesOptions {
  readonly services: Informer<Service>;
  readonly endpointSlices: Informer<EndpointSlice>;
  readonly board: RoutingBoard;
  readonly clock: Clock;
}
export interface RouteWait {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

interface Waiter {
  readonly pod: Pod;
  readonly check: () => void;
}

export class PodRoutes {
  readonly #options: PodRoutesOptions;
  /** By pod uid: a slice concerns the pods that it lists, and there may be many others. */
  readonly #waiters = new Map<string, Set<Waiter>>();
  /** A deleted slice is in no cache, but proxies still have to hear of it. */
  #deletedRevision = 0;

  constructor(options: PodRoutesOptions) {
    this.#options = options;
    const { services, endpointSlices } = options;
    endpointSlices.addIndex(BY_POD, ({ endpoints }) => [
      ...new Set(endpoints.flatMap(({ targetRef }) => targetRef?.uid ?? [])),
    ]);
    endpointSlices.addIndex(BY_SERVICE, (slice) => [
      `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_LABEL]}`,
    ]);
    services.addIndex(BY_SELECTOR, ({ metadata, spec }) => {
      const [pair] = Object.entries(spec?.selector ?? {});
      return pair === undefined ? [] : [`${metadata.namespace}/${pair.join("=")}`];
    });
    endpointSlices.onChange(({ type, object, previous }) => {
      if (type === "DELETED")
        this.#deletedRevision = Math.max(this.#deletedRevision, revisionOf(object));
      const concerned = [...object.endpoints, ...(previous?.endpoints ?? [])];
      for (const uid of new Set(concerned.map(({ targetRef }) => targetRef?.uid ?? "")))
        for (const { check } of this.#waiters.get(uid) ?? []) check();
    });
    services.onChange(({ object }) => {
      for (const waiters of this.#waiters.values())
        for (const { pod, check } of waiters)
          if (namespaceOf(pod) === object.metadata.namespace) check();
    });
  }

  isSelected(pod: Pod): boolean {
    return this.#servicesOf(pod).length > 0;
  }

  /** True once all proxies route to this ready pod for every Service that selects it; false when time ran out. */
  async routed(pod: Pod, wait: RouteWait): Promise<boolean> {
    const { board, clock } = this.#options;
    const endMs = clock.now() + wait.timeoutMs;
    const revision = await this.#until(pod, () => this.#listedRevision(pod), wait);
    if (revision === undefined) return false;
    return board.waitApplied(revision, { ...wait, clock, timeoutMs: endMs - clock.now() });
  }

  /** Resolves once no proxy uses any of these `address:port` of the pod, or time ran out. */
  async withdrawn(
    pod: Pod,
    addresses: readonly string[],
    wait: RouteWait & { readonly wasReady: boolean },
  ): Promise<void> {
    if (!this.isSelected(pod)) return;
    const { board, clock } = this.#options;
    const endMs = clock.now() + wait.timeoutMs;
    const remaining = () => ({ ...wait, clock, timeoutMs: Math.max(0, endMs - clock.now()) });
    let revision: number | undefined;
    if (wait.wasReady) {
      const timeoutMs = Math.min(LISTING_MS, wait.timeoutMs);
      const listed = () => (this.#isListed(pod) ? this.#withdrawnRevision(pod) : undefined);
      revision = await this.#until(pod, listed, { ...wait, timeoutMs });
    }
    revision ??= await this.#until(pod, () => this.#withdrawnRevision(pod), remaining());
    await board.waitApplied(revision ?? 0, remaining());
    await board.waitDrained(addresses, remaining());
  }

  #servicesOf(pod: Pod): Service[] {
    const { labels = {} } = pod.metadata;
    return Object.entries(labels)
      .flatMap((pair) =>
        this.#options.services.byIndex(BY_SELECTOR, `${namespaceOf(pod)}/${pair.join("=")}`),
      )
      .filter(
        ({ spec }) =>
          spec?.type !== "ExternalName" &&
          matchesLabels(selectorFromLabels(spec?.selector ?? {}), labels),
      );
  }

  #slicesOf(service: Service): readonly EndpointSlice[] {
    const { namespace, name } = service.metadata;
    return this.#options.endpointSlices.byIndex(BY_SERVICE, `${namespace}/${name}`);
  }

  /** The revision at which every selecting Service lists the pod as ready; undefined while one does not. */
  #listedRevision(pod: Pod): number | undefined {
    const uid = uidOf(pod);
    let revision = 0;
    for (const service of this.#servicesOf(pod)) {
      const listing = this.#slicesOf(service).filter((slice) =>
        slice.endpoints.some(
          ({ targetRef, conditions }) => targetRef?.uid === uid && conditions?.ready !== false,
        ),
      );
      if (listing.length === 0) return undefined;
      revision = Math.max(revision, ...listing.map(revisionOf));
    }
    return revision;
  }

  #isListed(pod: Pod): boolean {
    const uid = uidOf(pod);
    return this.#servicesOf(pod).every((service) =>
      this.#slicesOf(service).some(({ endpoints }) =>
        endpoints.some(({ targetRef }) => targetRef?.uid === uid),
      ),
    );
  }

  /** The revision at which no slice sends new connections to the pod; undefined while one does. */
  #withdrawnRevision(pod: Pod): number | undefined {
    const uid = uidOf(pod);
    const isOpen = ({ endpoints }: EndpointSlice): boolean =>
      endpoints.some(
        ({ targetRef, conditions }) =>
          targetRef?.uid === uid && conditions?.ready !== false && conditions?.terminating !== true,
      );
    if (this.#options.endpointSlices.byIndex(BY_POD, uid).some(isOpen)) return undefined;
    const slices = this.#servicesOf(pod).flatMap((service) => this.#slicesOf(service));
    return Math.max(this.#deletedRevision, ...slices.map(revisionOf));
  }

  #until<T>(pod: Pod, evaluate: () => T | undefined, wait: RouteWait): Promise<T | undefined> {
    const value = evaluate();
    if (value !== undefined || wait.signal?.aborted === true) return Promise.resolve(value);
    return new Promise((resolve) => {
      const settle = (result: T | undefined): void => {
        this.#remove(waiter);
        cancel();
        wait.signal?.removeEventListener("abort", onAbort);
        resolve(result);
      };
      const check = (): void => {
        const found = evaluate();
        if (found !== undefined) settle(found);
      };
      const waiter = { pod, check };
      const onAbort = (): void => settle(undefined);
      const cancel = this.#options.clock.after(wait.timeoutMs, () => settle(undefined));
      wait.signal?.addEventListener("abort", onAbort, { once: true });
      const uid = uidOf(pod);
      this.#waiters.set(uid, (this.#waiters.get(uid) ?? new Set()).add(waiter));
    });
  }

  #remove(waiter: Waiter): void {
    const uid = uidOf(waiter.pod);
    const waiters = this.#waiters.get(uid);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(uid);
  }
}

const revisionOf = (slice: EndpointSlice): number => Number(slice.metadata.resourceVersion ?? 0);
