/** Writes down where a Service is reached: its load balancer's addresses, and what stands for a cluster address. */
import type { Client } from "../../client/client.ts";
import { deepEqual } from "../../kube/equality.ts";
import { type Service, services } from "../../kube/kinds/service.ts";
import { keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { ADDRESSES_ANNOTATION, readAddresses } from "./service-addresses.ts";

const FIELD_MANAGER = "service-proxy";

export class ServicePublisher {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** `address` stands for `port` of the cluster address, e.g. `80/TCP`; undefined: nothing does. */
  async substitute(current: Service, port: string, address: string | undefined): Promise<void> {
    const known = readAddresses(current.metadata.annotations?.[ADDRESSES_ANNOTATION]);
    if (known[port] === address) return;
    const { [port]: _, ...others } = known;
    const addresses = address === undefined ? others : { ...others, [port]: address };
    const text = Object.keys(addresses).length === 0 ? null : JSON.stringify(addresses);
    const body = { metadata: { annotations: { [ADDRESSES_ANNOTATION]: text } } };
    await ignoreGone(
      this.#client.patch(
        services,
        parseKey(keyOf(current)),
        { type: "merge", body },
        { fieldManager: FIELD_MANAGER },
      ),
    );
  }

  /** No addresses: the load balancer is pending. */
  async ingress(current: Service, addresses: readonly string[]): Promise<void> {
    // The proxy itself answers on the address: clients inside the cluster may take the short way.
    const ingress = addresses.map((ip) => ({ ip, ipMode: "VIP" }));
    if (deepEqual(current.status?.loadBalancer?.ingress ?? [], ingress)) return;
    const loadBalancer = { ingress: ingress.length === 0 ? null : ingress };
    await ignoreGone(
      this.#client.patch(
        services,
        parseKey(keyOf(current)),
        { type: "merge", body: { status: { loadBalancer } } },
        { fieldManager: FIELD_MANAGER, subresource: "status" },
      ),
    );
  }
}

async function ignoreGone(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}
