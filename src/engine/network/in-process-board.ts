/** The routing board of one process: consumers and the node agent share memory. */
import type { RoutingBoard, RoutingConsumer, WaitOptions } from "./routing-board.ts";

interface Consumer {
  readonly name: string;
  readonly inFlight: (address: string, port: number) => boolean;
  appliedRevision: number;
}
interface Waiter {
  readonly satisfied: () => boolean;
  readonly resolve: (satisfied: boolean) => void;
}

/** A board without consumers holds nobody up: every wait is satisfied at once. */
export function createRoutingBoard(): RoutingBoard {
  const consumers = new Set<Consumer>();
  const waiters = new Set<Waiter>();

  const wake = (): void => {
    for (const waiter of waiters) if (waiter.satisfied()) waiter.resolve(true);
  };

  const wait = (satisfied: () => boolean, options: WaitOptions): Promise<boolean> => {
    if (satisfied()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (value: boolean): void => {
        waiters.delete(waiter);
        cancel();
        options.signal?.removeEventListener("abort", onAbort);
        resolve(value);
      };
      const onAbort = (): void => settle(false);
      const waiter: Waiter = { satisfied, resolve: settle };
      const cancel = options.clock.after(options.timeoutMs, () => settle(satisfied()));
      waiters.add(waiter);
      if (options.signal?.aborted === true) settle(false);
      else options.signal?.addEventListener("abort", onAbort, { once: true });
    });
  };

  return {
    register(name, inFlight): RoutingConsumer {
      const consumer: Consumer = { name, inFlight, appliedRevision: 0 };
      consumers.add(consumer);
      return {
        name,
        applied(revision) {
          if (revision <= consumer.appliedRevision) return;
          consumer.appliedRevision = revision;
          wake();
        },
        close() {
          consumers.delete(consumer);
          wake();
        },
      };
    },
    waitApplied: (revision, options) =>
      wait(() => [...consumers].every((consumer) => consumer.appliedRevision >= revision), options),
    waitDrained: (endpoints, options) =>
      wait(
        () =>
          endpoints.every((endpoint) => {
            const colon = endpoint.lastIndexOf(":");
            const address = endpoint.slice(0, colon);
            const port = Number(endpoint.slice(colon + 1));
            return [...consumers].every((consumer) => !consumer.inFlight(address, port));
          }),
        options,
      ),
    requestEnded: () => wake(),
  };
}
