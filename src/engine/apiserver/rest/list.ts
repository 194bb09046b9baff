/** Reads the objects of a kind, whole or page by page, all as of one revision. */
import { StatusError } from "../../../kube/status-error.ts";
import { CompactedError, type Snapshot, type Stored } from "../../store/store.ts";
import type { Backend } from "../backend.ts";
import { type ContinueToken, decodeContinueToken, encodeContinueToken } from "../continue-token.ts";
import type { Encoded } from "../encoded.ts";
import { isMetrics } from "../metrics/metrics-kinds.ts";
import { listMetrics } from "../metrics/read-metrics.ts";
import { presentAll } from "../present.ts";
import type { ServedKind } from "../registry.ts";
import type { RequestContext } from "../request-context.ts";
import { parseResourceVersion, waitForRevision } from "../resource-version.ts";
import { compileSelection, type Selection } from "../selection.ts";
import { guarded } from "./access.ts";
import { checkListOptions } from "./list-options.ts";

export interface ListRequest {
  readonly kind: ServedKind;
  /** Absent: all namespaces, or a cluster-scoped kind. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Objects per page; 0 or absent: all. */
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: string | undefined;
  readonly sendInitialEvents?: boolean | undefined;
}

export interface ListResult {
  /** Shared with other readers: not to be changed. */
  readonly items: readonly Encoded[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/**
 * Throws 400 and 422 for options that make no sense, 410 `Expired` for a revision that is no longer
 * retained; with a continue token in its `metadata` when it was a page that came too late.
 */
export function list(
  backend: Backend,
  context: RequestContext,
  request: ListRequest,
): Promise<ListResult> {
  return guarded(backend, context, "list", request, async () => {
    checkListOptions(request);
    if (isMetrics(request.kind)) return listMetrics(backend, request);
    const selection = compileSelection(request.kind.kind, request);
    const token = isSet(request.continue) ? decodeContinueToken(request.continue) : undefined;
    const snapshot =
      token === undefined
        ? await firstSnapshot(backend, context, request, selection)
        : nextSnapshot(backend, request, token);
    return page(request, selection, snapshot, token);
  });
}

const isSet = (text: string | undefined): text is string => text !== undefined && text !== "";

async function firstSnapshot(
  backend: Backend,
  context: RequestContext,
  request: ListRequest,
  selection: Selection,
): Promise<Snapshot> {
  const { kind, namespace, limit = 0, resourceVersionMatch } = request;
  const revision = parseResourceVersion(request.resourceVersion);
  if (revision !== undefined) await waitForRevision(backend, revision, context.signal);
  // A limit with a revision and no word on matching means exactly that revision: the legacy rule.
  const exact =
    revision !== undefined &&
    revision > 0 &&
    (resourceVersionMatch === "Exact" || (!isSet(resourceVersionMatch) && limit > 0));
  if (exact) return backend.store.listAt(kind.kind, revision, namespace);
  const name = selection.exactFields.get("metadata.name");
  if (name !== undefined && (namespace !== undefined || !kind.kind.namespaced)) {
    return single(backend, kind, namespace ?? "", name);
  }
  return backend.store.list(kind.kind, namespace);
}

/** A list by name is a get: watches by name start with it, thousands of them. */
function single(backend: Backend, kind: ServedKind, namespace: string, name: string): Snapshot {
  const { group, plural } = kind.kind;
  const stored = name === "" ? undefined : backend.store.get({ group, plural, namespace, name });
  return { revision: backend.store.revision, items: stored === undefined ? [] : [stored] };
}

function nextSnapshot(backend: Backend, request: ListRequest, token: ContinueToken): Snapshot {
  const { store } = backend;
  const { kind, namespace } = request;
  if (token.revision === undefined) return store.list(kind.kind, namespace);
  if (token.revision > store.revision) {
    throw StatusError.of("BadRequest", "continue key is not valid: its revision does not exist");
  }
  try {
    return store.listAt(kind.kind, token.revision, namespace);
  } catch (error) {
    if (error instanceof CompactedError) throw expiredPage(token);
    throw error;
  }
}

/** 410, with a token that goes on from here in whatever state is current: upstream's inconsistent continuation. */
function expiredPage(token: ContinueToken): StatusError {
  const expired = StatusError.of(
    "Expired",
    "The provided continue parameter is too old to show the rest of the same list. Start again without it, or use the continue token of this response to get the rest from the current state: objects created, changed or deleted since the first page may then be missing or show up.",
  );
  const inconsistent = encodeContinueToken({ revision: undefined, after: token.after });
  return new StatusError({ ...expired.status, metadata: { continue: inconsistent } });
}

function page(
  request: ListRequest,
  selection: Selection,
  snapshot: Snapshot,
  token: ContinueToken | undefined,
): ListResult {
  const { kind, limit = 0 } = request;
  const resourceVersion = String(snapshot.revision);
  if (token === undefined && limit <= 0 && selection.everything) {
    return { items: presentAll(kind, snapshot.items), resourceVersion };
  }
  const start = token === undefined ? 0 : indexAfter(snapshot.items, token.after);
  const { items, end } = take(snapshot.items, start, limit, selection);
  const last = snapshot.items[end - 1];
  const result = { items: presentAll(kind, items), resourceVersion };
  if (end >= snapshot.items.length || last === undefined) return result;
  return {
    ...result,
    continue: encodeContinueToken({ revision: snapshot.revision, after: positionOf(last) }),
    ...(selection.everything ? { remainingItemCount: snapshot.items.length - end } : {}),
  };
}

/** Up to `limit` matching items from `start` on; `end` is where the next page begins. */
function take(
  all: readonly Stored[],
  start: number,
  limit: number,
  selection: Selection,
): { items: readonly Stored[]; end: number } {
  const max = limit > 0 ? limit : Infinity;
  if (selection.everything) {
    const end = Math.min(all.length, start + max);
    return { items: all.slice(start, end), end };
  }
  const items: Stored[] = [];
  for (let index = start; index < all.length; index++) {
    const stored = all[index];
    if (stored === undefined || !selection.matches(stored.object)) continue;
    // One more match than asked for: only then is there a next page.
    if (items.length >= max) return { items, end: index };
    items.push(stored);
  }
  return { items, end: all.length };
}

const positionOf = ({ object }: Stored): string =>
  `${object.metadata.namespace ?? ""}/${object.metadata.name}`;

/** The index of the first item after a position, in the order by namespace, then name. */
function indexAfter(items: readonly Stored[], position: string): number {
  const slash = position.indexOf("/");
  const namespace = position.slice(0, slash);
  const name = position.slice(slash + 1);
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && comesAfter(item, namespace, name)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function comesAfter({ object }: Stored, namespace: string, name: string): boolean {
  const own = object.metadata.namespace ?? "";
  return own === namespace ? object.metadata.name > name : own > namespace;
}
