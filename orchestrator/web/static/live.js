// Four comforts, and nothing that a page cannot do without: updates that arrive by themselves, search as you type, a refused form's
// own place, and folds that open for printing.
//
// Live:   <div data-live data-stream="/…"> opens that stream. On a message the page is fetched again, and each element
//         with `data-live-part` and an id takes over what differs. Focus, open folds, typed text and scrolling stay.
//         A part's `data-live-says` is read out when that text changes. [data-live-mark] shows whether updates come.
// Search: <form data-search-as-you-type> is sent 200 ms after the last key, with `X-Fragment: results`; the answer goes
//         into [data-results]. What was typed travels in the body, never in an address.
"use strict";

(() => {
  const TYPING = 200; // ms without a key before a search is sent
  const SETTLING = 150; // ms in which messages are gathered into one look
  const LONGEST = 30000; // ms between two tries to connect

  const say = (text) => {
    const place = document.getElementById("live-said");
    if (place !== null && text) place.textContent = text;
  };

  // Taking over what differs

  // Two elements are one and the same only if they show the same thing: a tick or a reason must never move to
  // another step because a row went away above it.
  const NAMED_BY = { FORM: ["action"], INPUT: ["type", "name"], TEXTAREA: ["name"], SELECT: ["name"], BUTTON: ["name", "value"] };
  const ticked = (field) => field.nodeName === "INPUT" && (field.type === "checkbox" || field.type === "radio");

  const alike = (one, other) =>
    one.nodeType === other.nodeType &&
    one.nodeName === other.nodeName &&
    (one.id || "") === (other.id || "") &&
    (NAMED_BY[one.nodeName] || []).every((name) => one.getAttribute(name) === other.getAttribute(name)) &&
    (!ticked(one) || one.getAttribute("value") === other.getAttribute("value"));

  const takeOver = (here, there) => {
    if (here.isEqualNode(there)) return;
    if (here.nodeType === Node.ELEMENT_NODE && here.hasAttribute("data-live-mark")) return; // this script's own
    if (here.nodeType !== Node.ELEMENT_NODE) {
      if (here.nodeValue !== there.nodeValue) here.nodeValue = there.nodeValue;
      return;
    }
    const kept = here.nodeName === "DETAILS" ? "open" : ""; // whether it is open is the reader's affair
    for (const { name } of [...here.attributes]) {
      if (!there.hasAttribute(name) && name !== kept) here.removeAttribute(name);
    }
    for (const { name, value } of [...there.attributes]) {
      if (here.getAttribute(name) !== value && name !== kept) here.setAttribute(name, value);
    }
    if (here.nodeName === "TEXTAREA") return; // its text is whatever was typed
    takeOverChildren(here, there);
  };

  const takeOverChildren = (here, there) => {
    const known = new Map();
    for (const child of here.children) if (child.id) known.set(child.id, child);
    let next = here.firstChild;
    for (const wanted of [...there.childNodes]) {
      const named = wanted.id ? known.get(wanted.id) : undefined;
      if (named !== undefined && alike(named, wanted)) {
        if (named === next) next = next.nextSibling;
        else here.insertBefore(named, next);
        takeOver(named, wanted);
      } else if (next !== null && !next.id && alike(next, wanted)) {
        const same = next;
        next = next.nextSibling;
        takeOver(same, wanted);
      } else {
        here.insertBefore(document.importNode(wanted, true), next);
      }
    }
    while (next !== null) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
  };

  // What the user entered, by what it is for, so that it stays with that wherever it is afterwards.
  const purpose = (field) =>
    [field.form ? field.form.getAttribute("action") : "", field.name, field.id, ticked(field) ? field.value : ""].join("\n");
  const entered = (part) => {
    const found = new Map();
    for (const field of part.querySelectorAll("input, textarea")) {
      if (ticked(field)) {
        if (field.checked !== field.defaultChecked) found.set(purpose(field), field.checked);
      } else if (field.type !== "hidden" && field.type !== "file" && field.value !== field.defaultValue) {
        found.set(purpose(field), field.value);
      }
    }
    return found;
  };
  const enter = (part, known) => {
    for (const field of part.querySelectorAll("input, textarea")) {
      const value = known.get(purpose(field));
      if (value === undefined) continue;
      if (ticked(field)) field.checked = value;
      else if (field.value !== value) field.value = value;
    }
  };

  const takeOverParts = (fresh) => {
    const focused = document.activeElement;
    for (const part of document.querySelectorAll("[data-live-part][id]")) {
      const wanted = fresh.getElementById(part.id);
      if (wanted === null || part.isEqualNode(wanted)) continue;
      const before = part.dataset.liveSays;
      const known = entered(part);
      takeOver(part, wanted);
      enter(part, known);
      if (part.dataset.liveSays !== before) say(part.dataset.liveSays);
    }
    if (focused !== null && focused.id && !focused.isConnected) {
      const again = document.getElementById(focused.id);
      if (again !== null) again.focus({ preventScroll: true });
    }
    document.title = fresh.title;
  };

  // Updates that arrive by themselves

  const live = (region) => {
    const mark = document.querySelector("[data-live-mark]");
    let source = null;
    let tries = 0;
    let later = 0;
    let settling = 0;
    let looking = false;
    let again = false;

    const show = (state, words) => {
      if (mark === null) return;
      if (mark.dataset.state === state && !mark.hidden) return;
      const shown = mark.hidden === false || state === "stopped";
      mark.hidden = false;
      mark.dataset.state = state;
      mark.textContent = words;
      if (shown) say(words);
    };
    const stopped = (words) => show("stopped", words || "Disconnected. Reconnecting.");

    const look = async () => {
      if (looking) {
        again = true;
        return;
      }
      looking = true;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
        if (answer.redirected || answer.status === 401 || answer.status === 403) {
          close();
          stopped("Disconnected. Reload the page to sign in.");
          return;
        }
        if (answer.ok) takeOverParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
      } catch {
        stopped();
      } finally {
        looking = false;
      }
      if (again) {
        again = false;
        soon();
      }
    };
    const soon = () => {
      clearTimeout(settling);
      settling = setTimeout(look, SETTLING);
    };

    const close = () => {
      clearTimeout(later);
      if (source !== null) source.close();
      source = null;
    };
    const open = () => {
      close();
      source = new EventSource(region.dataset.stream);
      source.onopen = () => {
        if (tries > 0) soon(); // whatever happened without a listener
        tries = 0;
        show("live", "Live");
      };
      source.onmessage = soon;
      for (const name of (region.dataset.streamEvents || "").split(" ")) {
        if (name) source.addEventListener(name, soon);
      }
      source.addEventListener("away", () => stopped()); // the last message: the reader sees it before the next attempt
      source.onerror = () => {
        close();
        tries += 1;
        if (tries > 1) stopped();
        if (tries === 2) soon(); // perhaps the session is over: the page itself says so
        later = setTimeout(open, Math.min(1000 * 2 ** (tries - 1), LONGEST) * (0.75 + Math.random() / 2));
      };
    };

    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        close();
        tries = Math.max(tries, 1); // so that coming back looks once
      } else if (source === null) {
        open();
      }
    });
    addEventListener("pagehide", close);
    addEventListener("pageshow", (event) => {
      if (event.persisted && source === null) {
        tries = Math.max(tries, 1);
        open();
      }
    });
    open();
  };

  // Search as you type

  const search = (form) => {
    const results = form.querySelector("[data-results]") || document.querySelector("[data-results]");
    if (results === null) return;
    let timer = 0;
    let asked = null;

    const ask = async () => {
      if (asked !== null) asked.abort(); // a stale answer never overwrites a later one
      const mine = (asked = new AbortController());
      results.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(form.action, {
          method: "POST",
          body: new URLSearchParams(new FormData(form)),
          headers: { Accept: "text/html", "X-Fragment": "results" },
          signal: mine.signal,
        });
        if (answer.redirected) return;
        const text = await answer.text();
        if (mine !== asked || !answer.ok) return;
        const fresh = new DOMParser().parseFromString(text, "text/html");
        results.replaceChildren(...[...fresh.body.childNodes].map((node) => document.importNode(node, true)));
        const said = results.querySelector("[data-live-says]");
        if (said !== null) say(said.dataset.liveSays);
      } catch {
        // The form's own button still works, and says what went wrong.
      } finally {
        if (mine === asked) results.removeAttribute("aria-busy");
      }
    };
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, TYPING);
    });
    form.addEventListener("submit", () => {
      clearTimeout(timer);
      if (asked !== null) asked.abort();
    });
  };

  // A form that was refused is answered at its own address. The page that it is on gets its address back, and scrolls to the form.

  const { formPlace } = document.getElementById("main").dataset;
  if (formPlace) {
    const [page, place] = formPlace.split("#");
    history.replaceState(null, "", page);
    const there = place ? document.getElementById(place) : null;
    if (there !== null) location.replace(`#${place}`); // unlike replaceState, this makes it the target
  }

  // Paper has no folds to open

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.fold:not([open])")];
    opened.forEach((fold) => (fold.open = true));
  });
  addEventListener("afterprint", () => {
    opened.forEach((fold) => (fold.open = false));
    opened = [];
  });

  const regions = [...document.querySelectorAll("[data-live][data-stream]")];
  if (window.EventSource) regions.slice(0, 1).forEach(live);
  document.querySelectorAll("form[data-search-as-you-type]").forEach(search);
})();
