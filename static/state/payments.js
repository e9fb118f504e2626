// Paying: by Stripe's own page, to which the browser is sent. No card and no secret is ever here.

import { useResource } from "../lib/resource.js";
import { api } from "./session.js";

/** Whether people can pay here; null while that is not known. */
export function usePaymentSetup() {
  const resource = useResource(async () => {
    try {
      return await api.get("/api/payments/setup");
    } catch (error) {
      // A server that has no such page takes no payments of people.
      if (error.status === 404) return { is_set_up: false, has_checkout: false };
      throw error;
    }
  }, []);
  return resource.data ? Boolean(resource.data.has_checkout) : null;
}

/** Sends the browser to Stripe's page for a reservation. */
export async function payFor(reservation) {
  const { url } = await api.post("/api/payments/checkout", { reservation_id: reservation.id }, { key: `checkout-${reservation.id}-${reservation.updated_at ?? reservation.due}` });
  location.assign(url);
}
