/**
 * Ends parts that were started in order, the last one first. One that fails keeps no other from
 * being stopped: a lock or a pod would be left behind. Throws the first failure once all are done.
 */
export async function stopInReverse(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of [...steps].reverse())
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  if (failures.length > 0) throw failures[0];
}
