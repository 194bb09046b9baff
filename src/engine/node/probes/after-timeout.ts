/**
 * A time-out that counts only while this process was listening. Node.js runs due timers before it
 * reads what has arrived: an agent that was held up for a second would find fault with every pod.
 */
export function afterTimeout(timeoutMs: number, onTimeout: () => void): { cancel(): void } {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    // Once for what has arrived, once more for what follows from it.
    immediate = setImmediate(() => {
      immediate = setImmediate(onTimeout);
    });
  }, timeoutMs);
  return {
    cancel() {
      clearTimeout(timer);
      clearImmediate(immediate);
    },
  };
}
