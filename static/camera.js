// The live picture of one camera: `/console/camera.html?id=CAM-1`, for who is signed in at the console in this tab.

import { createApi } from "./api.js";

/** When another picture is asked for after one that failed, milliseconds. */
const RETRY_MS = 3_000;

/** A stream ends after an hour: another is asked for before, milliseconds. */
const RENEW_MS = 55 * 60_000;

const name = document.getElementById("camera-name");
const note = document.getElementById("camera-note");
const picture = document.getElementById("camera-picture");
const id = new URLSearchParams(location.search).get("id") ?? "";
const camera = `/v0/api/cctv/cameras/${encodeURIComponent(id)}/`;
const api = createApi({ onSignedOut: () => say("Your session has ended: sign in at the console.") });
let timer = 0;

function say(text) {
  note.textContent = text;
  note.hidden = text === "";
}

function later(pause) {
  clearTimeout(timer);
  timer = setTimeout(show, pause);
}

async function show() {
  try {
    const about = await api.get(camera);
    name.textContent = about.name;
    picture.alt = `Live picture of ${about.name}`;
    const stream = await api.get(`${camera}stream/`);
    if (!stream.mjpeg) {
      say("This camera has no live pictures over HTTP.");
      return;
    }
    picture.src = stream.mjpeg.url;
    picture.hidden = false;
    say("");
    later(RENEW_MS);
  } catch (error) {
    picture.hidden = true;
    if (error.status === 401) say("Sign in at the console first.");
    else if ([403, 404].includes(error.status)) say(error.message);
    else {
      say(error.message);
      later((error.retryAfter || 0) * 1000 || RETRY_MS);
    }
  }
}

picture.addEventListener("error", () => {
  picture.hidden = true;
  say("There is no picture at the moment.");
  later(RETRY_MS);
});

show();
