/**
 * How many connections the service proxy holds, so that clients who open many can use up neither
 * the process's file descriptors nor other Services' share of them.
 */
import { readFileSync } from "node:fs";

/** Where the system does not say how many files a process may open. */
const ASSUMED_OPEN_FILES = 10_000;
/** Of all descriptors: the rest is for listeners, the API, the store and pods' logs. */
const SHARE = 0.6;
/** A relayed connection has a client's and a backend's end. */
const DESCRIPTORS_PER_CONNECTION = 2;
/** More is not useful on one event loop. */
const MAX_TOTAL = 50_000;
const MAX_PER_PORT = 10_000;

export class ConnectionBudget {
  /** For all ports together, and for one of them. */
  readonly total: number;
  readonly perPort: number;
  #open = 0;

  constructor(openFiles: number = openFilesLimit()) {
    this.total = Math.min(MAX_TOTAL, Math.floor((openFiles * SHARE) / DESCRIPTORS_PER_CONNECTION));
    this.perPort = Math.min(MAX_PER_PORT, Math.ceil(this.total / 2));
  }

  get open(): number {
    return this.#open;
  }

  /** False when there is no room for one more. */
  take(): boolean {
    if (this.#open >= this.total) return false;
    this.#open++;
    return true;
  }
  release(): void {
    this.#open--;
  }
}

/** The soft limit, which Node raises to the hard one when it starts. */
function openFilesLimit(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? ASSUMED_OPEN_FILES : Number(limit);
  } catch {
    // Only Linux tells it this way.
    return ASSUMED_OPEN_FILES;
  }
}
