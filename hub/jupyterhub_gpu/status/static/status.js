// Keeps the page live: fetches its inside while it is looked at, counts down, sends Keep.
// The inside comes as HTML made by the service; nothing here writes anything but text into it.
"use strict";

const EVERY_MS = 5000;
const WITHIN_MS = 15000;

// As the hub's pages: the theme that was chosen there, else the system's.
const chosen = localStorage.getItem("jupyterhub-bs-theme");
const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
const theme = chosen === "dark" || chosen === "light" ? chosen : dark ? "dark" : "light";
document.documentElement.setAttribute("data-bs-theme", theme);

function left(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  if (hours >= 48) return `${Math.floor(hours / 24)} days ${hours % 24} h`;
  if (hours) return `${hours} h ${two(minutes)} min`;
  return minutes ? `${minutes} min ${two(whole % 60)} s` : `${whole} s`;
}

function shownTime(element) {
  const when = new Date(element.dateTime);
  const clock = { hour: "2-digit", minute: "2-digit" };
  const today = when.toDateString() === new Date().toDateString();
  const full = { day: "numeric", month: "short", ...clock };
  const form = element.dataset.show === "day" || !today ? full : clock;
  return when.toLocaleString([], today ? clock : form);
}

// What is fetched, or stands there at first, as it is shown: local times, and when it ends by this
// browser's own clock, which need not be right, only steady.
function prepare(root) {
  for (const each of root.querySelectorAll("time[data-show]")) each.textContent = shownTime(each);
  for (const each of root.querySelectorAll("[data-left]")) {
    each.dataset.until = performance.now() + Number(each.dataset.left) * 1000;
  }
  count(root);
}

function count(root) {
  for (const each of root.querySelectorAll("[data-until]")) {
    const text = left((Number(each.dataset.until) - performance.now()) / 1000);
    if (each.textContent !== text) each.textContent = text;
  }
}

// Changes only what differs, so that the focus and a reader's place stay where they are.
function update(old, fresh) {
  for (const name of old.getAttributeNames()) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const name of fresh.getAttributeNames()) {
    const value = fresh.getAttribute(name);
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
  const alike = (a, b) => a.nodeName === b.nodeName && a.id === b.id;
  if (before.length !== after.length || before.some((each, i) => !alike(each, after[i]))) {
    old.replaceChildren(...after);
    return;
  }
  before.forEach((each, i) => {
    if (each.nodeType === Node.ELEMENT_NODE) update(each, after[i]);
    else if (each.data !== after[i].data) each.data = after[i].data;
  });
}

class LivePage {
  constructor() {
    this.view = document.getElementById("view");
    this.token = document.querySelector("meta[name=xsrf-token]").content;
    this.fetching = null;
    this.ended = false; // once nobody is logged in any more
    prepare(this.view);
    document.getElementById("live").hidden = false;
    this.view.addEventListener("click", (event) => {
      const button = event.target.closest("[data-keep]");
      if (button) this.keep(button);
    });
    setInterval(() => count(this.view), 1000);
    setInterval(() => this.refresh(), EVERY_MS);
    document.addEventListener("visibilitychange", () => this.refresh());
  }

  ask(path, options = {}) {
    const headers = { "X-XSRFToken": this.token, ...options.headers };
    const signal = AbortSignal.timeout(WITHIN_MS);
    return fetch(path, { ...options, headers, signal, redirect: "error", cache: "no-store" });
  }

  // At most one at a time; afterwards the page is as the service says, or says why it is not.
  refresh(again = false) {
    if (document.hidden || this.ended) return null;
    if (this.fetching && !again) return this.fetching;
    this.fetching = this.fetchView().finally(() => (this.fetching = null));
    return this.fetching;
  }

  async fetchView() {
    let reply;
    try {
      reply = await this.ask("view");
    } catch {
      return this.state("No connection. Trying again …", true);
    }
    if (reply.status === 403) return this.loggedOut();
    if (!reply.ok) return this.state("No answer. Trying again …", true);
    const fresh = document.createElement("div");
    fresh.id = "view";
    const told = new DOMParser().parseFromString(await reply.text(), "text/html");
    fresh.append("\n", ...told.body.childNodes);
    prepare(fresh);
    const focus = document.activeElement?.id;
    update(this.view, fresh);
    if (focus && document.activeElement?.id !== focus) document.getElementById(focus)?.focus();
    return this.state("Live", false);
  }

  state(words, late) {
    const live = document.getElementById("live");
    live.classList.toggle("gpus-late", late);
    const shown = document.getElementById("live-words");
    if (shown.textContent !== words) shown.textContent = words;
  }

  loggedOut() {
    this.ended = true;
    this.state("Not live", true);
    const link = document.createElement("a");
    link.href = "";
    link.textContent = "Load the page anew";
    this.say("warning", "You are no longer logged in. ", link);
  }

  say(kind, ...words) {
    const box = document.createElement("div");
    box.className = `alert alert-${kind}`;
    box.append(...words);
    document.getElementById("message").replaceChildren(box);
  }

  async keep(button) {
    button.disabled = true;
    try {
      const body = JSON.stringify({ server: button.dataset.keep });
      const headers = { "Content-Type": "application/json" };
      const reply = await this.ask("api/keep", { method: "POST", headers, body });
      const told = await reply.json();
      if (reply.ok) this.say("success", LivePage.keptWords(told));
      else this.say("danger", String(told.detail ?? "That did not work."));
    } catch {
      this.say("danger", "There was no answer. Please try again.");
    }
    await this.refresh(true);
    button.disabled = false;
  }

  static keptWords(told) {
    if (!told.kept_until) return "It is kept.";
    const time = document.createElement("time");
    time.dateTime = told.kept_until;
    time.dataset.show = "clock";
    return `Kept until ${shownTime(time)}.`;
  }
}

document.addEventListener("DOMContentLoaded", () => {
  if (document.getElementById("view")) new LivePage();
});
