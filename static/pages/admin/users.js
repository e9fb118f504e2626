// People: their roles, whether they may sign in, where they are signed in.

import { t } from "../../lib/i18n.js";
import { rolesUpTo } from "../../lib/model.js";
import { useResource } from "../../lib/resource.js";
import { route, setQuery } from "../../lib/router.js";
import { isAsAsked } from "../../lib/same.js";
import { shortMoment, time } from "../../lib/time.js";
import { Icon, html, useRef, useState } from "../../lib/ui.js";
import { Confirm, Form, Sheet } from "../../parts/form.js";
import { KeptFilters } from "../../parts/kept-filters.js";
import { Fresh } from "../../parts/panel.js";
import { ListPanel, Table, useList } from "../../parts/table.js";
import { refused, toast } from "../../parts/toasts.js";
import { serverNow } from "../../state/live.js";
import { remove, useSettled } from "../../state/once.js";
import { api, user } from "../../state/session.js";

const API = "/v0/api/users/users";
// So far the server's clock may be from what is known of it here.
const CLOCK_MS = 5000;
const roleName = (role) => role.replaceAll("_", " ");

/** The roles that can be given, and the one that is there: of a device, say. */
function roles(now) {
  const given = rolesUpTo(user.value.role).filter((role) => role !== "device");
  return (given.includes(now) ? given : [now, ...given]).map((role) => [role, t(roleName(role))]);
}

/** An address and a password are their owner's to change. */
function fieldsOf(person) {
  const role = { name: "role", label: t("Role"), type: "select", options: roles(person.role) };
  const name = { name: "name", label: t("Name"), required: true };
  const phone = { name: "phone", label: t("Phone"), type: "tel" };
  if (person.id) return [name, phone, role, { name: "is_active", label: t("May sign in"), type: "checkbox" }];
  return [name, { name: "email", label: t("E-mail"), type: "email", required: true }, phone, role,
    { name: "password", label: t("Password"), type: "password", autocomplete: "new-password", minlength: 12, required: true, hint: t("At least 12 characters.") }];
}

function Sessions({ person, onClose }) {
  const resource = useResource(async () => (await api.get(`${API}/${person.id}/sessions/?limit=50`)).items, [person.id]);
  const end = async (path) => {
    try {
      await remove(path);
    } catch (error) {
      refused(error);
    }
    resource.reload();
  };
  const columns = [
    { title: t("Signed in"), cell: (one) => shortMoment(time(one.started_at)) }, { title: t("Last used"), cell: (one) => shortMoment(time(one.refreshed_at)) }, { title: t("From"), cell: (one) => one.address ?? "–" },
    { title: "", cell: (one) => html`<button type="button" class="button" onClick=${() => end(`${API}/${person.id}/sessions/${one.id}/`)}>${t("End")}</button>` },
  ];
  return html`<${Sheet} title=${t("Sessions of {name}", { name: person.name })} onClose=${onClose} wide><${Fresh} resource=${resource}>${(rows) => html`<${Table} caption=${t("Sessions")} columns=${columns} rows=${rows} rowId=${(one) => one.id} empty=${t("Nowhere signed in.")} />`}</${Fresh}>
    <div class="form-buttons"><button type="button" class="button button-danger" onClick=${() => end(`${API}/${person.id}/sessions/`)}>${t("End all")}</button><button type="button" class="button" onClick=${onClose}>${t("Close")}</button></div></${Sheet}>`;
}

/**
 * `make(body)` makes a person once, also where answers get lost. Who is there already is who was asked for only if they have come since then, and
 * with the password that was asked for then: nobody can look whether it is theirs.
 */
function useMakePerson() {
  const makeOnce = useSettled();
  const first = useRef(null);
  return async ({ password, ...person }) => {
    if (first.current?.email !== person.email) first.current = { email: person.email, password, at: serverNow(), isLost: false };
    const asked = first.current;
    const isMade = ({ items: [one] }) => Boolean(one) && password === asked.password && isAsAsked(one, { name: person.name, role: person.role }) && time(one.created_at) > asked.at - CLOCK_MS;
    try {
      await makeOnce(() => api.post(`${API}/`, { ...person, password }), `${API}/?email=${encodeURIComponent(person.email)}`, isMade);
      first.current = null;
    } catch (error) {
      asked.isLost ||= Boolean(error.isUnknown);
      if (!asked.isLost) first.current = null;
      throw error;
    }
  };
}

/** The page. */
export default function UsersPage() {
  const { query } = route.value;
  const [role, active, typed] = ["role", "active", "q"].map((name) => query.get(name) ?? "");
  const sought = typed.trim().toLowerCase();
  const filters = new URLSearchParams(Object.entries({ role, is_active: active }).filter(([, value]) => value));
  // The server finds whole addresses only: what is typed is looked for here, among all.
  const list = useList(`${API}/${filters.size ? `?${filters}` : ""}`, { whole: sought !== "" });
  const [edited, setEdited] = useState(null);
  const [sessions, setSessions] = useState(null);
  const [removed, setRemoved] = useState(null);
  const make = useMakePerson();
  const shown = { ...list, rows: list.rows.filter((one) => !sought || one.email.toLowerCase().includes(sought) || one.name.toLowerCase().includes(sought)) };
  const columns = [
    { title: t("Name"), cell: (one) => one.name }, { title: t("E-mail"), cell: (one) => one.email }, { title: t("Phone"), cell: (one) => one.phone ?? "–" },
    { title: t("Role"), text: (one) => one.role, cell: (one) => html`<span class="tag">${t(roleName(one.role))}</span>` }, { title: t("State"), text: (one) => (one.is_active ? "active" : "inactive"), cell: (one) => html`<span class="tag" data-tone=${one.is_active ? "good" : undefined}>${one.is_active ? t("Active") : t("Deactivated")}</span>` },
    { title: t("Since"), cell: (one) => shortMoment(time(one.created_at)) },
    { title: "", cell: (one) => html`<button type="button" class="button" onClick=${() => setEdited(one)}>${t("Change")}</button> <button type="button" class="button" onClick=${() => setSessions(one)}>${t("Sessions")}</button> ${one.is_active && one.id !== user.value.id && html`<button type="button" class="button" onClick=${() => setRemoved(one)}>${t("Deactivate")}</button>`}` },
  ];
  const submit = async (body) => {
    try {
      if (edited.id) await api.patch(`${API}/${edited.id}/`, body);
      else await make(body);
      setEdited(null);
      toast({ title: t("Saved"), text: body.name ?? edited.name ?? "" });
    } finally {
      list.resource.reload();
    }
  };
  const bar = html`<label class="search"><${Icon} name="search" /><input type="search" aria-label=${t("Find a person")} placeholder=${t("Name or e-mail")} value=${typed} onInput=${(event) => setQuery({ q: event.target.value })} /></label>
    <div class="field"><label for="user-role">${t("Role")}</label><select id="user-role" value=${role} onChange=${(event) => setQuery({ role: event.target.value })}><option value="">${t("All roles")}</option>${rolesUpTo("super_admin").map((one) => html`<option key=${one} value=${one}>${t(roleName(one))}</option>`)}</select></div>
    <div class="field"><label for="user-active">${t("State")}</label><select id="user-active" value=${active} onChange=${(event) => setQuery({ active: event.target.value })}><option value="">${t("All")}</option><option value="true">${t("Active")}</option><option value="false">${t("Deactivated")}</option></select></div><${KeptFilters} page="users" />`;
  return html`<div class="page"><h1 class="visually-hidden">${t("Users")}</h1><${ListPanel} title=${t("Users")} id="users" list=${shown} columns=${columns} rowId=${(one) => one.id} filters=${bar} csv="users" rowProps=${(one) => ({ "data-user": one.id })}
      actions=${html`<button type="button" class="button" onClick=${() => setEdited({ role: "operator" })}><${Icon} name="plus" /> ${t("New user")}</button>`} />
    ${edited && html`<${Sheet} title=${edited.id ? t("Change {name}", { name: edited.name }) : t("New user")} onClose=${() => setEdited(null)} wide><${Form} fields=${fieldsOf(edited)} initial=${edited} isNew=${!edited.id} onSubmit=${submit} onCancel=${() => setEdited(null)} /></${Sheet}>`}
    ${sessions && html`<${Sessions} person=${sessions} onClose=${() => setSessions(null)} />`}
    ${removed && html`<${Confirm} title=${t("Deactivate {name}?", { name: removed.name })} action=${t("Deactivate")} onClose=${() => setRemoved(null)} onConfirm=${() => api.delete(`${API}/${removed.id}/`).finally(list.resource.reload)}><p>${t("Sessions end at once. What the person did is kept.")}</p></${Confirm}>`}
  </div>`;
}
