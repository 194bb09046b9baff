/** Times in objects: RFC 3339 in UTC, whole seconds. */
export function timestamp(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}
