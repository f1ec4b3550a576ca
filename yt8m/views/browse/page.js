"use strict";
(() => {
  const videos = JSON.parse(document.getElementById("data").textContent);
  const list = document.getElementById("videos"), search = document.getElementById("search");
  const label = document.getElementById("label"), order = document.getElementById("order");
  const count = document.getElementById("count"), nothing = document.getElementById("nothing");
  const COLOURS = 8;

  /** Makes an element. Text never becomes HTML. */
  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) {
      if (key in element) element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children.filter(child => child !== null));
    return element;
  }

  const percent = probability => `${Math.round(100 * probability)} %`;
  const plain = text => text.normalize("NFC").toLocaleLowerCase();
  const titleOf = video => video.name || video.id;

  /** 65.5 becomes 1:05.5. */
  function clock(seconds) {
    const tenths = Math.round(10 * seconds), whole = Math.floor(tenths / 10), rest = tenths % 10;
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60, two = number => String(number).padStart(2, "0");
    return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}${rest ? `.${rest}` : ""}`;
  }

  const namesOfClip = (video, clip) => {
    if (clip.labels.length) return clip.labels;
    // The label that covers most of the clip.
    const covered = video.spans.map(([start, end, name]) => [Math.min(end, clip.end) - Math.max(start, clip.start), name]);
    const [most, name] = covered.reduce((best, each) => each[0] > best[0] ? each : best, [0, ""]);
    return most > 0 ? [name] : [];
  };

  for (const video of videos) {
    video.end = Math.max(video.seconds, 1e-3);
    video.clips.forEach((clip, number) => Object.assign(clip, { video, number, names: namesOfClip(video, clip) }));
    video.names = new Map();
    const add = (name, probability) => video.names.set(name, Math.max(video.names.get(name) ?? 0, probability ?? 0));
    video.labels.forEach(([name, probability]) => add(name, probability ?? 1));
    video.spans.forEach(([, , name, probability]) => add(name, probability));
    video.clips.forEach(clip => clip.labels.forEach(name => add(name, 0)));
    video.words = plain([video.id, video.name, ...video.names.keys()].join("\n"));
  }

  // Thumbnails: a strip becomes a picture when it comes near the window.
  const waiting = new WeakMap();
  const observer = "IntersectionObserver" in window && new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries.filter(each => each.isIntersecting)) {
      waiting.get(target)();
      observer.unobserve(target);
    }
  }, { rootMargin: "400px" });
  function whenNear(element, show) {
    if (!observer) return show();
    waiting.set(element, show);
    observer.observe(element);
  }

  function stripOf(video) {
    if (!video.strip) return null;
    const [address, width, height, frames] = video.strip;
    const image = make("img", { className: "strip", width: width * frames, height, alt: `Frames of ${titleOf(video)} over time`, decoding: "async" });
    whenNear(image, () => { image.src = address; });
    return image;
  }

  function thumbOf(video, second) {
    if (!video.strip) return null;
    const [address, width, height, frames] = video.strip;
    const place = Math.min(frames - 1, Math.max(0, Math.floor(second / video.end * frames)));
    const thumb = make("span", { className: "thumb", ariaHidden: "true" });
    Object.assign(thumb.style, { width: `${width}px`, height: `${height}px`, backgroundPosition: `${-place * width}px 0` });
    whenNear(thumb, () => { thumb.style.backgroundImage = `url("${address}")`; });
    return thumb;
  }

  function placed(element, video, start, end) {
    const left = Math.min(start, video.end), right = Math.min(end, video.end);
    element.style.left = `${100 * left / video.end}%`;
    element.style.width = `calc(${100 * (right - left) / video.end}% - 2px)`;
    return element;
  }

  const timesOf = clip => `${clock(clip.start)} to ${clock(clip.end)}`;

  function clipButton(clip) {
    const names = clip.names.join(", ");
    const button = make("button", { type: "button", className: `clip cluster-${clip.cluster % COLOURS}`, tabIndex: clip.number ? -1 : 0 },
      names || `cluster ${clip.cluster}`);
    button.setAttribute("aria-label", `Clip ${clip.number + 1}, ${timesOf(clip)}, cluster ${clip.cluster}${names && `, ${names}`}`);
    button.setAttribute("aria-expanded", "false");
    button.title = `${timesOf(clip)}${names && `: ${names}`}; cluster ${clip.cluster}`;
    button.addEventListener("click", () => clip === chosen ? close() : go(clip));
    button.addEventListener("keydown", event => move(event, clip));
    clip.button = button;
    return placed(button, clip.video, clip.start, clip.end);
  }

  function spanItem(video, [start, end, name, probability]) {
    const item = make("li", { title: `${clock(start)} to ${clock(end)}: ${name}, ${percent(probability)}` },
      name, make("span", { className: "hidden" }, `, ${clock(start)} to ${clock(end)}, ${percent(probability)}`));
    item.name = name;
    return placed(item, video, start, end);
  }

  function axisOf(video) {
    const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200].find(each => video.end / each <= 10) ?? video.end / 5;
    const axis = make("div", { className: "axis", ariaHidden: "true" });
    for (let second = 0; second <= video.end - 0.7 * step; second += step) {
      const tick = make("span", {}, clock(second));
      tick.style.left = `${100 * second / video.end}%`;
      axis.append(tick);
    }
    const last = make("span", { className: "last" }, clock(video.end));
    last.style.left = "100%";
    axis.append(last);
    return axis;
  }

  function labelChips(video) {
    const chips = make("ul", { className: "chips" });
    chips.setAttribute("aria-label", "Labels");
    for (const [name, probability] of video.labels) {
      const button = make("button", { type: "button", title: `Search for ${name}` }, name,
        probability === null ? null : make("small", {}, ` ${percent(probability)}`));
      button.addEventListener("click", () => { search.value = name; if (label) label.value = ""; update(); search.focus(); });
      chips.append(make("li", {}, button));
    }
    return chips;
  }

  function timeline(video) {
    const time = make("div", { className: "time" }, stripOf(video));
    if (video.strip) {
      const [, width, , frames] = video.strip, whole = width * frames;
      Object.assign(time.style, { minWidth: `${Math.round(0.75 * whole)}px`, width: `min(100%, ${Math.round(1.7 * whole)}px)` });
    }
    if (video.clips.length) {
      const clips = make("div", { className: "row clips", role: "toolbar" }, ...video.clips.map(clipButton));
      clips.setAttribute("aria-label", `Clips of ${titleOf(video)}`);
      time.append(clips);
    }
    if (video.spans.length) {
      const spans = make("ul", { className: "row spans" }, ...video.spans.map(span => spanItem(video, span)));
      spans.setAttribute("aria-label", `Labels of ${titleOf(video)} over time`);
      video.spanItems = [...spans.children];
      time.append(spans);
    }
    if (video.seconds) time.append(axisOf(video));
    const scroll = make("div", { className: "scroll", tabIndex: 0, role: "region" }, time);
    scroll.setAttribute("aria-label", `Time line of ${titleOf(video)}`);
    return scroll;
  }

  function card(video, number) {
    const facts = [video.seconds ? clock(video.seconds) : "no time", video.size, video.name && video.id];
    const line = make("p", { className: "facts" }, facts.filter(Boolean).join(" · "));
    if (video.address) {
      line.append(" · ", make("a", { href: video.address, rel: "noreferrer", target: "_blank" }, "YouTube"));
    }
    const heading = make("h2", { id: `name-${number}` }, titleOf(video));
    const article = make("article", { id: `video-${number}` }, heading, line);
    article.setAttribute("aria-labelledby", heading.id);
    if (video.problem) article.append(make("p", { className: "problem" }, video.problem));
    if (video.labels.length) article.append(labelChips(video));
    if (video.strip || video.seconds) article.append(timeline(video));
    video.article = article;
    video.item = make("li", {}, article);
    return video.item;
  }

  // The chosen clip, with others that are alike.
  let chosen = null, detail = null;

  function close() {
    if (!chosen) return;
    const button = chosen.button;
    button.setAttribute("aria-expanded", "false");
    chosen.video.article.classList.remove("chosen");
    detail.remove();
    chosen = detail = null;
    if (location.hash) history.pushState(null, "", location.pathname + location.search);
    button.focus({ preventScroll: true });
  }

  function relatedItem([place, number, likeness]) {
    const video = videos[place], clip = video.clips[number];
    const button = make("button", { type: "button" }, thumbOf(video, clip.second), make("span", { className: "words" }, titleOf(video),
      make("small", {}, `${timesOf(clip)}, ${percent(likeness)} alike`), make("small", {}, clip.names.join(", "))));
    button.addEventListener("click", () => go(clip));
    return make("li", {}, button);
  }

  function open(clip) {
    if (chosen && chosen !== clip) {
      chosen.button.setAttribute("aria-expanded", "false");
      chosen.video.article.classList.remove("chosen");
      detail.remove();
    } else if (chosen === clip) return;
    chosen = clip;
    const { video } = clip;
    if (video.item.hidden) { search.value = ""; if (label) label.value = ""; update(); }
    const shut = make("button", { type: "button", className: "close" }, "Close");
    shut.addEventListener("click", close);
    const heading = make("h3", { id: "detail" }, `Clip ${clip.number + 1} of ${titleOf(video)}: ${timesOf(clip)}`);
    const facts = [clip.names.join(", "), `cluster ${clip.cluster}`, `scene ${clip.scene + 1}`, `${video.id}@${clip.start}`];
    detail = make("section", { className: "detail" }, make("div", { className: "detail-head" },
      make("div", {}, heading, make("p", { className: "facts" }, facts.filter(Boolean).join(" · "))), shut));
    detail.setAttribute("aria-labelledby", heading.id);
    if (clip.related.length) {
      detail.append(make("h4", {}, "Related clips"), make("ul", { className: "related" }, ...clip.related.map(relatedItem)));
    } else {
      detail.append(make("p", { className: "facts" }, "No related clips are known."));
    }
    video.article.append(detail);
    video.article.classList.add("chosen");
    clip.button.setAttribute("aria-expanded", "true");
    rove(clip);
    clip.button.focus({ preventScroll: true });
    detail.scrollIntoView({ block: "nearest" });
    clip.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  const hashOf = clip => `#${encodeURIComponent(clip.video.id)}@${clip.start}`;
  function go(clip) {
    if (location.hash !== hashOf(clip)) history.pushState(null, "", hashOf(clip));
    open(clip);
  }

  /** Opens the clip that the address names: ID, or ID@SECONDS. */
  function follow() {
    let text = "";
    try { text = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const at = text.lastIndexOf("@"), second = at < 0 ? 0 : Number(text.slice(at + 1));
    const video = videos.find(each => each.id === (at < 0 ? text : text.slice(0, at)));
    if (!video) return;
    const clip = video.clips.find(each => each.start <= second && second < each.end);
    if (clip) open(clip); else video.item.scrollIntoView();
  }

  // Keys: one clip of a video is in the order of the Tab key; the arrows lead to the others.
  function rove(clip) {
    clip.video.clips.forEach(each => { each.button.tabIndex = each === clip ? 0 : -1; });
  }

  function move(event, clip) {
    const { clips } = clip.video, middle = (clip.start + clip.end) / 2;
    const beside = step => {
      const shown = [...list.children].filter(item => !item.hidden).map(item => item.video).filter(video => video.clips.length);
      const video = shown[shown.indexOf(clip.video) + step];
      return video && (video.clips.find(each => middle < each.end) ?? video.clips.at(-1));
    };
    const target = { ArrowRight: () => clips[clip.number + 1], ArrowLeft: () => clips[clip.number - 1], Home: () => clips[0],
      End: () => clips.at(-1), ArrowDown: () => beside(1), ArrowUp: () => beside(-1) }[event.key]?.();
    if (!target || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    rove(target);
    target.button.focus();
  }

  document.addEventListener("keydown", event => {
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && event.target === search && search.value) {
      event.preventDefault();
      search.value = "";
      update();
    } else if (event.key === "Escape" && !typing) close();
  });

  // Search, filter, order.
  function update() {
    const words = plain(search.value).split(/\s+/).filter(Boolean), wanted = label ? label.value : "";
    const fits = name => words.length > 0 && words.every(word => plain(name).includes(word)) || wanted !== "" && name === wanted;
    const sureness = video => Math.max(...[...video.names].filter(([name]) => !words.length && !wanted || fits(name)).map(([, each]) => each), 0);
    const orders = {
      name: (a, b) => titleOf(a).localeCompare(titleOf(b), undefined, { numeric: true }),
      longest: (a, b) => b.seconds - a.seconds,
      shortest: (a, b) => a.seconds - b.seconds,
      probability: (a, b) => sureness(b) - sureness(a),
    };
    let shown = 0;
    for (const video of videos) {
      const fit = words.every(word => video.words.includes(word)) && (!wanted || video.names.has(wanted));
      video.item.hidden = !fit;
      shown += fit;
      video.clips.forEach(clip => clip.button.classList.toggle("hit", clip.labels.some(fits)));
      (video.spanItems ?? []).forEach(item => item.classList.toggle("hit", fits(item.name)));
    }
    const sorted = orders[order.value] ? [...videos].sort(orders[order.value]) : videos;
    list.append(...sorted.map(video => video.item));
    count.textContent = shown === videos.length ? `${shown} ${shown === 1 ? "video" : "videos"}` : `${shown} of ${videos.length} videos`;
    nothing.hidden = shown > 0;
    if (chosen?.video.item.hidden) close();
  }

  videos.forEach((video, number) => { list.append(card(video, number)); video.item.video = video; });
  if (label) {
    const numbers = new Map();
    videos.forEach(video => video.names.forEach((_, name) => numbers.set(name, (numbers.get(name) ?? 0) + 1)));
    const sorted = [...numbers].sort(([a, x], [b, y]) => y - x || a.localeCompare(b));
    label.append(...sorted.map(([name, number]) => make("option", { value: name }, `${name} (${number})`)));
    label.addEventListener("change", update);
  }
  search.addEventListener("input", update);
  order.addEventListener("change", update);
  document.getElementById("controls").addEventListener("submit", event => event.preventDefault());
  document.getElementById("clear").addEventListener("click", () => { search.value = ""; if (label) label.value = ""; update(); search.focus(); });
  window.addEventListener("popstate", () => { if (location.hash) follow(); else if (chosen) close(); });
  update();
  follow();
})();
