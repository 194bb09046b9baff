const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
const STEP = 1024;

/** An amount of a resource for people: CPU in millis, memory and storage in bytes, others in pieces. */
export function formatAmount(name: string, amount: number): string {
  if (name === "cpu") return amount % 1000 === 0 ? `${amount / 1000}` : `${Math.floor(amount)}m`;
  const isBytes = name === "memory" || name.endsWith("storage") || name.startsWith("hugepages-");
  if (!isBytes) return String(amount);
  let unit = 0;
  let rest = amount;
  while (rest >= STEP && unit < BINARY.length - 1) {
    rest /= STEP;
    unit++;
  }
  return `${Math.round(rest * 10) / 10}${BINARY[unit] ?? ""}`;
}
