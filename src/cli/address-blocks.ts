/** The CIDR blocks of `--ingress-external-addresses`. */
import { isCIDR } from "../kube/ip-address.ts";

/** Throws an Error that says what is wrong with the text. */
export function parseAddressBlocks(text: string): readonly string[] {
  const blocks = text.split(",").map((part) => part.trim());
  const wrong = blocks.find((block) => !isCIDR(block));
  if (wrong !== undefined)
    throw new Error(
      `${JSON.stringify(wrong)} is no block of addresses: write them with commas between, e.g. 127.0.0.1/32,10.0.0.0/8`,
    );
  return blocks;
}
