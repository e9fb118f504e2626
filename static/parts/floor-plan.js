// The plan of a site's floor, on which spots are placed: an own small layer of SVG over the picture that was uploaded. Loaded and shown only
// where the server keeps plans.

import { t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { store } from "../state/live.js";
import { api } from "../state/session.js";
import { reasons } from "./form.js";
import { Empty, Panel } from "./panel.js";
import { toast } from "./toasts.js";

const TYPES = ["image/png", "image/jpeg", "image/svg+xml", "image/webp"];

/** The picture at an address that needs the token, as one of this page. */
function usePicture(path, turn) {
  const [url, setUrl] = useState(null);
  useEffect(() => {
    let made = null;
    let left = false;
    if (path) {
      api.blob(path).then((blob) => {
        if (left) return;
        made = URL.createObjectURL(blob);
        setUrl(made);
      }, () => setUrl(null));
    }
    return () => {
      left = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [path, turn]);
  return url;
}

/** The panel. */
export function FloorPlan({ site }) {
  const path = `/api/sites/${encodeURIComponent(site.slug)}/floor-plan`;
  const resource = useResource(async () => {
    try {
      return await api.get(path);
    } catch (error) {
      if (error.status === 404) return { missing: true };
      throw error;
    }
  }, [path]);
  const [problem, setProblem] = useState(null);
  const [placing, setPlacing] = useState("");
  const file = useRef(null);
  const plan = resource.data;
  const url = usePicture(plan && !plan.missing ? `${path}/picture` : null, plan?.updated_at);
  const spots = [...store.state.spots.values()].filter((one) => one.site === site.slug).sort((a, b) => a.spot_id.localeCompare(b.spot_id, undefined, { numeric: true }));
  const places = new Map((plan?.spots ?? []).map((one) => [one.spot_id, one]));

  const upload = async () => {
    const [picture] = file.current.files;
    if (!picture) return;
    setProblem(null);
    try {
      if (!TYPES.includes(picture.type)) throw new Error(t("A picture is needed: PNG, JPEG, WebP or SVG."));
      await api.put(`${path}/picture`, picture);
      resource.reload();
      toast({ title: t("Saved"), text: t("The plan is uploaded.") });
    } catch (error) {
      setProblem(reasons(error));
    }
  };
  const place = async (event) => {
    if (!placing) return;
    const box = event.currentTarget.getBoundingClientRect();
    const at = { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    try {
      await api.put(`${path}/spots/${encodeURIComponent(placing)}`, at);
      resource.reload();
      const index = spots.findIndex((one) => one.spot_id === placing);
      setPlacing(spots[index + 1]?.spot_id ?? "");
    } catch (error) {
      setProblem(reasons(error));
    }
  };
  return html`<${Panel} title=${t("Floor plan")} id="floor" resource=${resource}>${() => html`<div class="panel-body">
    ${problem && html`<p class="form-error" role="alert">${problem}</p>`}
    <div class="row"><input type="file" accept=${TYPES.join()} ref=${file} aria-label=${t("Picture of the floor")} /><button type="button" class="button" onClick=${upload}>${t("Upload")}</button></div>
    ${url ? html`<div class="field"><label for="floor-spot">${t("Place a spot: choose it, then click on the plan")}</label><select id="floor-spot" value=${placing} onChange=${(event) => setPlacing(event.target.value)}><option value="">–</option>${spots.map((one) => html`<option key=${one.spot_id} value=${one.spot_id}>${one.spot_id}${places.has(one.spot_id) ? " ✓" : ""}</option>`)}</select></div>
      <div class="floor" data-placing=${placing ? "" : undefined} onClick=${place}><img src=${url} alt=${t("Floor plan of {site}", { site: site.name })} />
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">${[...places.values()].map((one) => html`<circle key=${one.spot_id} class="floor-spot" data-state=${store.state.spots.get(one.spot_id)?.status} cx=${100 * one.x} cy=${100 * one.y} r="1" />`)}</svg></div>`
      : html`<${Empty}>${t("No plan is uploaded.")}</${Empty}>`}
  </div>`}</${Panel}>`;
}
