/** Watches files and folders; bursts of events become one call. */
import { join } from "node:path";
import { type ChokidarOptions, type FSWatcher, watch } from "chokidar";

/** A commit touches several files within a few milliseconds, an editor saves in two steps. */
const BURST_MS = 25;
/** Where the system has no watches left (inotify limit), polling still notices. */
const POLL_MS = 1_000;

export interface FileWatch {
  /** Settles once every change from now on is noticed. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/**
 * Calls back after changes below any of `paths`, and once when watching has begun, because a
 * change just before cannot be told from none. Symlinks are not followed.
 */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  ignored: (path: string) => boolean,
): FileWatch {
  let burst: NodeJS.Timeout | undefined;
  let closed = false;
  const notify = (): void => {
    burst ??= setTimeout(() => {
      burst = undefined;
      if (!closed) onChange();
    }, BURST_MS);
  };

  const begin = (usePolling: boolean): { watcher: FSWatcher; ready: Promise<void> } => {
    const options: ChokidarOptions = {
      ignoreInitial: true,
      followSymlinks: false,
      atomic: false,
      ignored,
      usePolling,
      interval: POLL_MS,
    };
    const watcher = watch([...paths], options);
    watcher.on("all", notify);
    // chokidar loses the second of two replacements of one file within milliseconds: it follows the
    // first to its new inode meanwhile. What the system says of the folder is lost by nobody.
    watcher.on("raw", (_event, name, details) => {
      if (!ignored(pathOf(name, details))) notify();
    });
    const ready = new Promise<void>((resolve) => watcher.once("ready", () => resolve()));
    return { watcher, ready: ready.then(notify) };
  };

  let current = begin(false);
  const watchers = [current.watcher];
  current.watcher.on("error", () => {
    if (closed || watchers.length > 1) return;
    void current.watcher.close();
    current = begin(true);
    // A path that cannot be watched at all is found again by the next read of the source.
    current.watcher.on("error", notify);
    watchers.push(current.watcher);
  });

  return {
    ready: current.ready,
    close: async () => {
      closed = true;
      clearTimeout(burst);
      await Promise.all(watchers.map((watcher) => watcher.close()));
    },
  };
}

/** What a raw event is of: a name in a watched folder, or a watched file's own name. */
function pathOf(name: string | undefined, details: unknown): string {
  const hasFolder = typeof details === "object" && details !== null && "watchedPath" in details;
  return join(hasFolder ? String(details.watchedPath) : "", name ?? "");
}
