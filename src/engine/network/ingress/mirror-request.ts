/**
 * Copies of a request for further backends, whose answers are dropped. A copy never holds up the
 * request itself: one that falls behind is given up.
 */
import type { ProxyRequest } from "./client-response.ts";
import type { Exchange, ExchangeEvents } from "./exchange.ts";
import { outgoingRequest, type SentAs } from "./outgoing-request.ts";
import type { ServiceBackends } from "./service-backends.ts";

/** What a copy may have waiting: the body of most requests. */
const MAX_WAITING_BYTES = 256 * 1024;
const NOBODY: ReadonlySet<string> = new Set();

/** Where the body of the request goes, too. */
export interface Copies {
  write(bytes: Buffer): void;
  end(): void;
  abort(): void;
}

export function mirrorRequest(
  request: ProxyRequest,
  mirrors: readonly ServiceBackends[],
  options: SentAs & { readonly client: string },
): Copies {
  const copies = mirrors.flatMap((backends) => {
    const lease = backends.take(options.client, NOBODY);
    if (lease === undefined) return [];
    const copy = new Copy(() => lease.release());
    try {
      copy.exchange = lease.connections.open(
        outgoingRequest(request, { ...options, upgrade: undefined }),
        copy,
      );
    } catch {
      // What cannot be sent there is told by the request itself.
      lease.release();
      return [];
    }
    copy.flush();
    return [copy];
  });
  return {
    write: (bytes) => {
      for (const copy of copies) copy.write(bytes);
    },
    end: () => {
      for (const copy of copies) copy.endBody();
    },
    abort: () => {
      for (const copy of copies) copy.abort();
    },
  };
}

class Copy implements ExchangeEvents {
  exchange: Exchange | undefined;
  readonly #release: () => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isReady = false;
  #isBlocked = false;
  #hasEnded = false;
  #isOver = false;

  constructor(release: () => void) {
    this.#release = release;
  }

  write(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.abort();
    else this.flush();
  }
  endBody(): void {
    this.#hasEnded = true;
    this.flush();
  }
  abort(): void {
    if (!this.#isOver) this.exchange?.abort();
  }

  flush(): void {
    if (!this.#isReady || this.#isBlocked || this.#isOver || this.exchange === undefined) return;
    for (let bytes = this.#waiting.shift(); bytes !== undefined; bytes = this.#waiting.shift()) {
      this.#waitingBytes -= bytes.length;
      if (!this.exchange.write(bytes)) {
        this.#isBlocked = true;
        return;
      }
    }
    if (!this.#hasEnded) return;
    this.#isReady = false;
    this.exchange.endBody([]);
  }

  ready(): void {
    this.#isReady = true;
    this.flush();
  }
  drained(): void {
    this.#isBlocked = false;
    this.flush();
  }
  head(): void {}
  data(): void {}
  awaited(): void {}
  end(): void {}
  upgraded(): void {}
  failed(): void {}
  closed(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#release();
  }
}
