/** Sizes of volumes: quantities in objects, whole bytes towards drivers. */
import { formatQuantity, type Quantity, quantityToInteger } from "../../kube/quantity.ts";
import { VolumeDriverError } from "./volume-driver-error.ts";

const NANOS = 1_000_000_000n;

/** @throws VolumeDriverError `OutOfRange` beyond 2^53 bytes, which no driver takes exactly */
export function bytesOf(size: Quantity): number {
  const bytes = quantityToInteger(size);
  if (bytes > 0n && bytes <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(bytes);
  throw new VolumeDriverError(
    "OutOfRange",
    `a volume of ${formatQuantity(size)} bytes cannot be made: sizes are from 1 byte to 8 PiB`,
  );
}

/** `1Gi` for 1073741824. */
export function formatBytes(bytes: number): string {
  return formatQuantity({ nanos: BigInt(Math.trunc(bytes)) * NANOS, format: "BinarySI" });
}
