// One's own account: how the console looks and speaks, the profile, the password, the devices that are signed in.

import { language, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { hours, shortMoment, time } from "../../lib/time.js";
import { announce, html, useEffect, useRef, useState } from "../../lib/ui.js";
import { Form } from "../../parts/form.js";
import { setSound, sound } from "../../parts/heard.js";
import { Card, Panel } from "../../parts/panel.js";
import { Settings } from "../../parts/settings.js";
import { Table } from "../../parts/table.js";
import { refused, toast } from "../../parts/toasts.js";
import { store } from "../../state/live.js";
import { settle } from "../../state/once.js";
import { api, know, signOut, user } from "../../state/session.js";

const ADDRESS = "/api/users/me";

function Profile() {
  const resource = useResource(() => api.get(ADDRESS));
  const fields = [
    { name: "name", label: t("Name"), autocomplete: "name", required: true },
    { name: "phone", label: t("Phone"), type: "tel", autocomplete: "tel", hint: t("For a message when a slot is moved or a spot is freed.") },
  ];
  const changed = (me) => {
    resource.set(me);
    know(me);
  };
  const save = async (body) => {
    const isSo = (me) => Object.entries(body).every(([name, value]) => me[name] === value);
    changed(await settle(() => api.patch(ADDRESS, body), ADDRESS, isSo));
    toast({ title: t("Saved"), text: t("Your profile is changed.") });
  };
  return html`<${Panel} title=${t("Profile")} id="profile" resource=${resource}>${(me) => html`<div class="panel-body"><p class="hint">${me.email} · ${t(me.role.replaceAll("_", " "))}</p>
    <${Email} me=${me} onChanged=${changed} />
    <${Form} key=${me.updated_at} fields=${fields} initial=${{ name: me.name, phone: me.phone ?? "" }} onSubmit=${save} /></div>`}</${Panel}>`;
}

function Email({ me, onChanged }) {
  const [asking, setAsking] = useState(false);
  const pending = me.pending_email?.email ?? (me.email_confirmed_at ? null : me.email);
  const confirm = async (body) => {
    const isSo = (one) => one.email === pending && one.email_confirmed_at;
    await settle(() => api.post(`${ADDRESS}/email/confirm`, body), ADDRESS, isSo);
    onChanged(await api.get(ADDRESS));
    announce(t("Confirmed."));
  };
  const send = async () => {
    try {
      await api.post(`${ADDRESS}/email/code`);
      setAsking(true);
    } catch (error) {
      refused(error);
    }
  };
  if (!pending) return null;
  return html`<div class="row"><span class="tag" data-tone="warning">${t("{email} is not confirmed", { email: pending })}</span><button type="button" class="button" onClick=${send}>${t("Send a code")}</button></div>
    ${asking && html`<${Form} isNew fields=${[{ name: "code", label: t("Code from the mail"), inputmode: "numeric", autocomplete: "one-time-code", required: true }]} submit=${t("Confirm")}
      onSubmit=${confirm} />`}`;
}

function NewPassword() {
  const [turn, setTurn] = useState(0);
  const fields = [
    { name: "current_password", label: t("Current password"), type: "password", autocomplete: "current-password", required: true },
    { name: "password", label: t("New password"), type: "password", autocomplete: "new-password", required: true, minlength: 12, hint: t("At least 12 characters. Other devices are signed out; this one stays signed in.") },
  ];
  return html`<${Card} title=${t("Password")} id="password-panel"><div class="panel-body"><${Form} key=${turn} isNew fields=${fields} submit=${t("Change the password")} onSubmit=${async (body) => {
    await api.changePassword(ADDRESS, body);
    setTurn(turn + 1);
    toast({ title: t("Saved"), text: t("Your password is changed.") });
  }} account=${user.value.email} /></div></${Card}>`;
}

function Sessions() {
  const resource = useResource(async () => (await api.get(`${ADDRESS}/sessions?limit=50`)).items);
  const end = async (one) => {
    try {
      await api.delete(`${ADDRESS}/sessions/${one.id}`);
    } catch (error) {
      refused(error);
    }
    resource.reload();
  };
  const columns = [
    { title: t("Signed in"), cell: (one) => (time(one.started_at) ? shortMoment(time(one.started_at)) : "–") },
    { title: t("Last used"), cell: (one) => (time(one.refreshed_at) ? shortMoment(time(one.refreshed_at)) : "–") },
    { title: t("Address"), cell: (one) => one.address ?? "–" },
    { title: "", cell: (one) => (one.is_current ? html`<span class="tag" data-tone="good">${t("This one")}</span>` : html`<button type="button" class="button" onClick=${() => end(one)}>${t("Sign out")}</button>`) },
  ];
  return html`<${Panel} title=${t("Where you are signed in")} id="sessions" resource=${resource}>${(rows) => html`<${Table} caption=${t("Sessions")} columns=${columns} rows=${rows} rowId=${(one) => one.id} />`}</${Panel}>`;
}

/** Keeps the language and the clock with the account, where the server knows them. */
function useKept() {
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    const body = { language: language.value, hour_cycle: { 12: "h12", 24: "h23" }[hours.value] ?? null };
    api.patch(ADDRESS, body).catch((error) => refused(error, t("Not kept with your account")));
  }, [language.value, hours.value]);
}

/** The page. */
export default function MePage() {
  useKept();
  return html`<div class="page me"><h1>${t("Me")}</h1>
    <${Card} title=${t("How it looks and speaks")} id="settings"><div class="panel-body"><${Settings} />
      ${store.state.operator && html`<label class="check"><input type="checkbox" checked=${sound.value} onChange=${(event) => setSound(event.target.checked)} /> ${t("Sound and notifications for emergencies and critical alerts")}</label>`}</div></${Card}>
    <${Profile} /><${NewPassword} /><${Sessions} />
    <p><button type="button" class="button" onClick=${signOut}>${t("Sign out")}</button></p>
  </div>`;
}
