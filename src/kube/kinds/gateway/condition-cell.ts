/** The status of a condition, as `kubectl get` shows it; empty while there is none. */
export function conditionCell(
  conditions: readonly { readonly type: string; readonly status: string }[] | undefined,
  type: string,
): string {
  return conditions?.find((condition) => condition.type === type)?.status ?? "";
}
