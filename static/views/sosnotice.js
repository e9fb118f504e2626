// What operators see of emergencies on every page: a strip while somebody waits for an answer, and a notice of each that comes in.

import { announce, h, icon, text } from "../dom.js";
import { typeLabel } from "../emergencies.js";
import { words } from "../format.js";

/** The strip; it lies over the page, so that nothing moves when it comes. */
export function sosNotice({ store, toasts, emergencies }) {
  const words_ = h("span", {});
  const element = h("a", { class: "sos-strip", href: "#/emergencies" }, icon("critical"), words_, h("span", { class: "sos-strip-go" }, "Open the board"));
  element.hidden = true;

  const end = emergencies.subscribe((arrived) => {
    const waiting = [...emergencies.known.values()].filter((one) => one.status === "reported").length;
    element.hidden = waiting === 0;
    text(words_, waiting === 1 ? "1 emergency waits for an answer" : `${waiting} emergencies wait for an answer`);
    if (!arrived) return;
    const site = store.state.sites.find((one) => one.slug === arrived.temple_id)?.name ?? arrived.temple_id ?? "place not known";
    const title = `SOS, ${site}: ${typeLabel(arrived.type)}`;
    if (arrived.severity === "critical" || arrived.severity === "high") {
      toasts.show({ severity: "critical", title, text: arrived.description ?? "", focus: `sos-${arrived.id}`, page: "#/emergencies" });
    } else {
      announce(`${title}, ${words(arrived.severity)}`);
    }
  });
  return { element, leave: end };
}
