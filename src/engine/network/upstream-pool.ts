/**
 * Idle HTTP/1.1 connections to the backends of one Service port, shared by its clients. Sharing is
 * safe because only messages with one reading pass (see http-head.ts), one at a time.
 */
import type { Socket } from "node:net";
import { type Backend, backendKey } from "./service-routes.ts";

/** Kept for each backend: as many requests as can be under way without opening connections. */
const MAX_IDLE_PER_BACKEND = 256;
/** An idle connection is closed after this, whatever the backend's own limit. */
const MAX_IDLE_MS = 60_000;

/** Whoever has a request on the connection. */
export interface UpstreamUser {
  onUpstreamData(bytes: Buffer): void;
  onUpstreamDrain(): void;
  /** The backend ended or broke the connection. */
  onUpstreamGone(): void;
}

/** A connection to a backend: in use, or idle in the pool. */
export class HttpUpstream {
  readonly backend: Backend;
  readonly socket: Socket;
  user: UpstreamUser | undefined;
  idleSinceMs = 0;
  readonly #forget: (upstream: HttpUpstream) => void;

  constructor(backend: Backend, socket: Socket, forget: (upstream: HttpUpstream) => void) {
    this.backend = backend;
    this.socket = socket;
    this.#forget = forget;
    socket.on("data", (bytes: Buffer) => {
      // A backend that speaks without being asked is no HTTP/1.1 server: do not use it again.
      if (this.user === undefined) this.#gone();
      else this.user.onUpstreamData(bytes);
    });
    socket.on("drain", () => this.user?.onUpstreamDrain());
    const gone = (): void => this.#gone();
    socket.on("end", gone);
    socket.on("error", gone);
    socket.on("close", gone);
  }

  /** Nobody uses it any more; tells no one. */
  destroy(): void {
    this.user = undefined;
    this.socket.destroy();
  }

  /** The bare socket, for bytes that are no HTTP/1.1 any more. */
  detach(): Socket {
    this.user = undefined;
    this.socket.removeAllListeners();
    return this.socket;
  }

  #gone(): void {
    const { user } = this;
    this.user = undefined;
    this.#forget(this);
    this.socket.destroy();
    user?.onUpstreamGone();
  }
}

export class UpstreamPool {
  readonly #idle = new Map<string, HttpUpstream[]>();

  /** Wraps a fresh connection; it belongs to the caller until it is put back. */
  adopt(backend: Backend, socket: Socket): HttpUpstream {
    return new HttpUpstream(backend, socket, (upstream) => this.#remove(upstream));
  }

  /** The connection that was used last, if it is not idle since before `usableSinceMs`. */
  take(backend: Backend, usableSinceMs: number): HttpUpstream | undefined {
    const idle = this.#idle.get(backendKey(backend));
    const last = idle?.at(-1);
    if (idle === undefined || last === undefined || last.idleSinceMs < usableSinceMs)
      return undefined;
    idle.pop();
    return last;
  }

  put(upstream: HttpUpstream, nowMs: number): void {
    const key = backendKey(upstream.backend);
    let idle = this.#idle.get(key);
    if (idle === undefined) this.#idle.set(key, (idle = []));
    if (upstream.socket.destroyed || idle.length >= MAX_IDLE_PER_BACKEND) {
      upstream.destroy();
      return;
    }
    upstream.user = undefined;
    upstream.idleSinceMs = nowMs;
    idle.push(upstream);
  }

  /** Closes the idle connections of backends that are not in `active`. */
  retain(isActive: (backend: Backend) => boolean): void {
    for (const [key, idle] of this.#idle) {
      const [first] = idle;
      if (first !== undefined && isActive(first.backend)) continue;
      this.#idle.delete(key);
      for (const upstream of idle) upstream.destroy();
    }
  }

  expire(nowMs: number): void {
    for (const [key, idle] of this.#idle) {
      // The oldest are in front.
      const kept = idle.findIndex(({ idleSinceMs }) => nowMs - idleSinceMs < MAX_IDLE_MS);
      for (const upstream of idle.splice(0, kept < 0 ? idle.length : kept)) upstream.destroy();
      if (idle.length === 0) this.#idle.delete(key);
    }
  }

  /** Idle connections. */
  get size(): number {
    let size = 0;
    for (const idle of this.#idle.values()) size += idle.length;
    return size;
  }

  close(): void {
    this.retain(() => false);
  }

  #remove(upstream: HttpUpstream): void {
    const idle = this.#idle.get(backendKey(upstream.backend));
    const index = idle?.lastIndexOf(upstream) ?? -1;
    if (index >= 0) idle?.splice(index, 1);
  }
}
