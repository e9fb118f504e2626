// The plan of a site's floor, with spots on it: an own small layer of SVG over the picture that was uploaded. No map library runs under the
// console's policy: Leaflet writes markup, MapLibre needs workers and 440 kB.

import { stateLabel } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";
import { html, useRef, useState } from "../lib/ui.js";
import { store } from "../state/live.js";
import { remove } from "../state/once.js";
import { api } from "../state/session.js";
import { Confirm, reasons } from "./form.js";
import { Empty, Panel } from "./panel.js";
import { toast } from "./toasts.js";

const TYPES = ["image/svg+xml", "image/png", "image/jpeg"];
const MOST_BYTES = 1024 * 1024;

const NONE = { none: true };
/** Sites that had no plan when they were asked after, with when: browsers log each 404, and a plan is uploaded once in years. */
const without = new Map();
const AGAIN_MS = 15 * 60_000;

/** The plan of a site; `none` where there is none. */
export function useFloorPlan(slug) {
  return useResource(async () => {
    if (!slug || Date.now() - (without.get(slug) ?? -Infinity) < AGAIN_MS) return NONE;
    try {
      return await api.get(`/api/sites/${encodeURIComponent(slug)}/plan`);
    } catch (error) {
      if (error.status !== 404) throw error;
      without.set(slug, Date.now());
      return NONE;
    }
  }, [slug]);
}

/** The picture with its spots as they are now; `onPick(id)`, `onPlace(x, y)`. */
export function FloorView({ plan, picked, onPick, onPlace }) {
  const size = Math.max(8, Math.min(plan.width, plan.height) / 34);
  const place = (event) => {
    if (!onPlace) return;
    const box = event.currentTarget.getBoundingClientRect();
    onPlace(((event.clientX - box.left) / box.width) * plan.width, ((event.clientY - box.top) / box.height) * plan.height);
  };
  return html`<div class="floor" data-placing=${onPlace ? "" : undefined} onClick=${place}>
    <img src=${plan.picture} alt=${t("Floor plan")} width=${plan.width} height=${plan.height} />
    <svg viewBox=${`0 0 ${plan.width} ${plan.height}`} role="group" aria-label=${t("Spots on the plan")}>${plan.spots.map((one) => {
      const status = store.state.spots.get(one.spot_id)?.status;
      const words = `${one.spot_id}, ${t(stateLabel(status ?? "free"))}`;
      const pick = () => onPick?.(one.spot_id);
      return html`<g key=${one.spot_id} class="floor-spot" data-state=${status} data-picked=${one.spot_id === picked ? "" : undefined} transform=${`translate(${one.x} ${one.y}) rotate(${one.rotation})`}
        tabindex=${onPick ? "0" : undefined} role=${onPick ? "button" : "img"} aria-label=${words} onClick=${pick} onKeyDown=${(event) => event.key === "Enter" && pick()}>
        <title>${words}</title><rect x=${-size / 2} y=${-size * 0.8} width=${size} height=${size * 1.6} rx=${size / 6} /></g>`;
    })}</svg></div>`;
}

/** Where administrators upload the picture and place the spots. */
export function FloorPlan({ site }) {
  const resource = useFloorPlan(site.slug);
  const path = `/api/sites/${encodeURIComponent(site.slug)}/plan`;
  const [problem, setProblem] = useState(null);
  const [placing, setPlacing] = useState("");
  const [removing, setRemoving] = useState(false);
  const file = useRef(null);
  const plan = resource.data?.none ? null : resource.data;
  const spots = [...store.state.spots.values()].filter((one) => one.site === site.slug).sort((a, b) => a.spot_id.localeCompare(b.spot_id, undefined, { numeric: true }));
  const placed = new Set(plan?.spots.map((one) => one.spot_id));

  const upload = async () => {
    const [picture] = file.current.files;
    setProblem(null);
    try {
      if (!picture) throw new Error(t("Choose a picture first."));
      if (!TYPES.includes(picture.type)) throw new Error(t("A picture is needed: SVG, PNG or JPEG."));
      if (picture.size > MOST_BYTES) throw new Error(t("At most 1 MB."));
      await api.put(`${path}/picture`, picture);
      toast({ title: t("Saved"), text: t("The plan is uploaded.") });
    } catch (error) {
      setProblem(reasons(error));
    }
    without.delete(site.slug);
    resource.reload();
  };
  const place = async (x, y) => {
    setProblem(null);
    const others = plan.spots.filter((one) => one.spot_id !== placing).map(({ spot_id, x: ownX, y: ownY, rotation }) => ({ spot_id, x: ownX, y: ownY, rotation }));
    try {
      resource.set(await api.put(`${path}/spots`, { spots: [...others, { spot_id: placing, x: Math.round(10 * x) / 10, y: Math.round(10 * y) / 10 }] }));
      const next = spots.slice(spots.findIndex((one) => one.spot_id === placing) + 1).find((one) => !placed.has(one.spot_id));
      setPlacing(next?.spot_id ?? "");
    } catch (error) {
      setProblem(reasons(error));
    }
  };
  return html`<${Panel} title=${t("Floor plan")} id="floor" resource=${resource} actions=${plan && html`<button type="button" class="button" onClick=${() => setRemoving(true)}>${t("Delete")}</button>`}>${() => html`<div class="panel-body">
    ${problem && html`<p class="form-error" role="alert">${problem}</p>`}
    <div class="row"><input type="file" accept=${TYPES.join()} ref=${file} aria-label=${t("Picture of the floor")} /><button type="button" class="button" onClick=${upload}>${t("Upload")}</button></div>
    ${plan ? html`<div class="field"><label for="floor-spot">${t("Place a spot: choose it, then click on the plan")}</label><select id="floor-spot" value=${placing} onChange=${(event) => setPlacing(event.target.value)}><option value="">–</option>
        ${spots.map((one) => html`<option key=${one.spot_id} value=${one.spot_id}>${one.spot_id}${placed.has(one.spot_id) ? " ✓" : ""}</option>`)}</select></div>
      <${FloorView} plan=${plan} picked=${placing} onPlace=${placing ? place : undefined} />` : html`<${Empty}>${t("No plan is uploaded.")}</${Empty}>`}</div>`}
    ${removing && html`<${Confirm} title=${t("Delete the floor plan?")} action=${t("Delete")} onClose=${() => setRemoving(false)} onConfirm=${async () => { await remove(path); without.set(site.slug, Date.now()); resource.reload(); }}><p>${t("The picture goes, and where spots are on it.")}</p></${Confirm}>`}
  </${Panel}>`;
}
