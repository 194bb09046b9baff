/** Follows the changes of a kind from a revision, or from its current state, on. */
import type { Backend } from "../backend.ts";
import { presentAll } from "../present.ts";
import type { ServedKind } from "../registry.ts";
import type { RequestContext } from "../request-context.ts";
import { parseResourceVersion, waitForRevision } from "../resource-version.ts";
import { compileSelection, type Selection } from "../selection.ts";
import type { WatchEvent } from "../watch/watch-event.ts";
import type { Watch, Watcher } from "../watch/watcher.ts";
import { guarded } from "./access.ts";
import { checkWatchOptions } from "./list-options.ts";

export interface WatchRequest {
  readonly kind: ServedKind;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Absent or "0": the current state first, as ADDED, then changes. */
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: string | undefined;
  /** True: the current state, a bookmark that ends it, then changes. False: changes only. */
  readonly sendInitialEvents?: boolean | undefined;
  /** Belongs to lists: refused. */
  readonly continue?: string | undefined;
  readonly allowBookmarks?: boolean | undefined;
  /** How long the watch lives, at most a day. @default a random time of 30 to 60 minutes, as upstream */
  readonly timeoutSeconds?: number | undefined;
}

/** Spreads the reconnections of clients that started together. */
const MIN_WATCH_SECONDS = 1_800;
/** Nobody gains by a longer stream, and timers of Node.js overflow at 24 days. */
const MAX_WATCH_SECONDS = 86_400;

/** Throws 410 `Expired` when the revision is no longer retained, 504 when it is in the future, 429 over the limit. */
export function watch(
  backend: Backend,
  context: RequestContext,
  request: WatchRequest,
): Promise<Watch> {
  return guarded(backend, context, "watch", request, async () => {
    checkWatchOptions(request);
    const selection = compileSelection(request.kind.kind, request);
    const revision = parseResourceVersion(request.resourceVersion) ?? 0;
    await waitForRevision(backend, revision, context.signal);
    const watcher = join(backend, request, selection, revision);
    limitTime(backend, context, request, watcher);
    return watcher;
  });
}

function join(
  backend: Backend,
  request: WatchRequest,
  selection: Selection,
  revision: number,
): Watcher {
  const { kind, namespace, sendInitialEvents, allowBookmarks = false } = request;
  const bookmarks = allowBookmarks;
  const withState = sendInitialEvents ?? revision === 0;
  if (!withState) {
    const from = revision === 0 ? backend.store.revision : revision;
    return backend.hubs.join(kind, {
      selection,
      namespace,
      revision: from,
      initial: [],
      bookmarks,
    });
  }
  const state = backend.store.list(kind.kind, namespace);
  const initial: WatchEvent[] = [];
  for (const encoded of presentAll(kind, state.items)) {
    if (selection.matches(encoded.object)) initial.push({ type: "ADDED", encoded });
  }
  if (sendInitialEvents === true && bookmarks) {
    initial.push(bookmarkAt(state.revision, { initialEventsEnd: true }));
  }
  const options = { selection, namespace, revision: state.revision, initial, bookmarks };
  return backend.hubs.join(kind, options);
}

/** Ends the watch when its time is over or its client is gone. */
function limitTime(
  backend: Backend,
  context: RequestContext,
  request: WatchRequest,
  watcher: Watcher,
): void {
  const { signal } = context;
  const asked = request.timeoutSeconds ?? 0;
  const chosen = asked > 0 ? asked : MIN_WATCH_SECONDS * (1 + backend.random());
  const seconds = Math.min(chosen, MAX_WATCH_SECONDS);
  const onAbort = (): void => watcher.close();
  const cancelTimer = backend.clock.after(seconds * 1_000, () => {
    watcher.bookmark(bookmarkAt(backend.store.revision, { initialEventsEnd: false }));
    watcher.end();
  });
  watcher.onceEnded(() => {
    cancelTimer();
    signal?.removeEventListener("abort", onAbort);
  });
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
}

const bookmarkAt = (
  revision: number,
  { initialEventsEnd }: { initialEventsEnd: boolean },
): WatchEvent => ({ type: "BOOKMARK", resourceVersion: String(revision), initialEventsEnd });
