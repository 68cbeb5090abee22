"use strict";
(() => {
  const { html, svg, isNumber, count, percent, tiny, seconds, bytes, shorten, responsive, lines, unitSquare, confusion, bars } = Charts;
  const data = JSON.parse(document.getElementById("data").textContent);
  const { figures, classes, curves, quality, mistakes, chain } = data;
  const simulated = figures.fhe === "simulate";
  const at = (id) => document.getElementById(id);
  const say = (id, text) => { at(id).textContent = text; };
  const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
  const known = (value, format) => (isNumber(value) ? format(value) : "not measured");

  function head() {
    const title = simulated ? "Encrypted training, simulated" : "Trained on data the server never saw";
    document.title = `${percent(figures.test_accuracy)} \u00b7 cipherfit report`;
    say("title", title);
    say("subtitle", `${plural(figures.samples, "training row")} of ${plural(figures.features, "feature")} in ${figures.classes} classes` +
      (simulated ? `; ${plural(figures.iterations, "iteration")} of the plaintext twin with the noise that encryption would add. Nothing was encrypted.`
        : `, encrypted on the owner's machine. A server ran ${plural(figures.iterations, "training iteration")} on the ciphertexts, start to end, without a key. Only the owner could decrypt the model.`));
    const tile = (name, value, note) => at("tiles").append(html("li", {}, html("span", { class: "name" }, name), html("span", { class: "value" }, value), html("span", { class: "note" }, note)));
    tile("Test accuracy", percent(figures.test_accuracy), `of ${plural(figures.test_samples, "row")}; plaintext twin ${percent(figures.simulated_test_accuracy)}`);
    if (simulated) tile("Iterations", String(figures.iterations), "in the clear, with modelled noise");
    else tile("Encrypted training", known(figures.train_seconds, seconds), `${plural(figures.iterations, "iteration")}${isNumber(figures.seconds_per_iteration) ? ", " + seconds(figures.seconds_per_iteration) + " each" : ""}${isNumber(figures.threads) ? ", " + plural(figures.threads, "thread") : ""}`);
    tile("Off by at most", tiny(figures.max_abs_weight_error), `in any weight, beside the twin; predicted below ${tiny(figures.predicted_weight_error_bound)}`);
    tile("Security", `${figures.security_bits} bit`, `N = 2^${figures.log_n}, log\u2082(QP) = ${count(figures.log_qp)} of ${count(figures.largest_secure_log_qp)} allowed`);
  }

  function learning() {
    const points = (list, member) => list.filter((p) => isNumber(p[member])).map((p) => ({ x: p.iteration, y: p[member] }));
    const found = simulated ? "with noise" : "decrypted";
    const style = {
      twinTest: { name: "twin, test rows", color: "var(--blue)", line: true, width: 5, opacity: 0.35 },
      realTest: { name: `${found}, test rows`, color: "var(--blue)", dots: true },
      twinTrain: { name: "twin, training rows", color: "var(--orange)", line: true, width: 2, dash: "6 5" },
      realTrain: { name: `${found}, training rows`, color: "var(--orange)", dots: true, hollow: true, small: true },
    };
    const all = (kind) => [
      { ...style.twinTest, points: points(curves.twin, `test_${kind}`) }, { ...style.twinTrain, points: points(curves.twin, `train_${kind}`) },
      { ...style.realTrain, points: points(curves.decrypted, `train_${kind}`) }, { ...style.realTest, points: points(curves.decrypted, `test_${kind}`) }];
    const n = curves.decrypted.length;
    say("curves-text", simulated ? "The dots are the model with modelled noise, the lines the exact plaintext twin."
      : `The lines are the plaintext twin: the same arithmetic without encryption. The dots are what the ${n > 1 ? "server's checkpoints were decrypted to" : "server's model was decrypted to; its checkpoints were not kept"}. They should lie on the lines.`);
    lines(at("accuracy"), all("accuracy"), { height: 300, low: 0, high: 1, tick: (v) => percent(v, 0), format: (v) => percent(v), label: "Accuracy by iteration" });
    lines(at("loss"), all("loss"), { height: 230, low: 0, tick: (v) => String(Number(v.toPrecision(3))), format: (v) => v.toFixed(4), label: "Log loss by iteration" });
    lines(at("error"), [{ name: "largest difference of a weight", color: "var(--violet)", line: true, dots: true, points: points(curves.decrypted, "weight_error") }],
      { height: 230, log: true, format: tiny, limit: { value: figures.predicted_weight_error_bound, name: "bound predicted for the end" }, label: "Largest weight difference by iteration" });
    const row = (tag, cells) => html("tr", {}, cells.map((c) => html(tag, {}, c)));
    at("curves-table").append(row("th", ["iteration", "twin, test", `${found}, test`, "twin, training", `${found}, training`, "weight difference"]));
    for (const twin of curves.twin) {
      const real = curves.decrypted.find((p) => p.iteration === twin.iteration) || {};
      at("curves-table").append(row("td", [String(twin.iteration), percent(twin.test_accuracy), isNumber(real.test_accuracy) ? percent(real.test_accuracy) : "\u2013",
        percent(twin.train_accuracy), isNumber(real.train_accuracy) ? percent(real.train_accuracy) : "\u2013", isNumber(real.weight_error) ? tiny(real.weight_error) : "\u2013"]));
    }
  }

  function matrix() {
    const counts = data.confusion;
    const pairs = [];
    counts.forEach((row, i) => row.forEach((value, j) => { if (i !== j && value > 0) pairs.push([value, i, j]); }));
    pairs.sort((a, b) => b[0] - a[0]);
    say("confusion-text", pairs.length === 0 ? "Nothing: every test row was classified right."
      : "Rows are true classes, columns predictions. Most often: " + pairs.slice(0, 3).map(([value, i, j]) => `${shorten(classes[i], 24)} taken for ${shorten(classes[j], 24)} (${count(value)})`).join(", ") + ".");
    confusion(at("confusion"), counts, classes);
    const rows = counts.map((row, i) => ({ i, sum: row.reduce((a, b) => a + b, 0), right: row[i] })).filter((r) => r.sum > 0);
    rows.sort((a, b) => a.right / a.sum - b.right / b.sum);
    const shown = rows.slice(0, 16);
    bars(at("recall"), shown.map((r) => ({ name: classes[r.i], value: r.right / r.sum, text: `${percent(r.right / r.sum, 1)} of ${count(r.sum)}` })), 1);
    if (rows.length > shown.length) at("recall").append(html("p", { class: "about" }, `and ${rows.length - shown.length} more classes that do better`));
  }

  function trust() {
    const m = quality.metrics;
    const share = (value, digits) => (isNumber(value) ? percent(value, digits) : "\u2013");
    const number = (value) => (isNumber(value) ? value.toFixed(3) : "\u2013");
    say("quality-text", `Always naming the most frequent class would be right in ${share(m.majority_baseline)} of the test rows; the model is in ${share(m.accuracy)}. Averaged over classes, whatever their size, it finds ${share(m.balanced_accuracy)} of each (balanced accuracy).` +
      ` AUC ${number(m.auc)}, log loss ${number(m.log_loss)}.`);
    const colors = ["var(--blue)", "var(--orange)", "var(--teal)", "var(--violet)"];
    const dashes = [null, "6 4"];
    const drawn = quality.curves;
    const series = (member) => drawn.map((c, i) => ({ name: shorten(classes[c.class], 20), title: `${classes[c.class]}: AUC ${number(m.per_class[c.class].auc)}`, line: true,
      color: colors[i % colors.length], dash: dashes[Math.floor(i / colors.length) % dashes.length], points: c[member].map(([x, y]) => ({ x, y })) }));
    unitSquare(at("roc"), series("roc"), { across: "false positive rate", up: "true positive rate", diagonal: true, label: "ROC curves" });
    const two = classes.length === 2;
    unitSquare(at("precision"), series("precision_recall"), { across: "recall", up: "precision", level: two ? m.per_class[1].rows / m.rows : null, label: "Precision-recall curves" });
    unitSquare(at("calibration"), [{ name: "bins", dots: true, color: "var(--blue)", points: quality.calibration.map((b) => ({ x: b.probability, y: b.share, weight: b.rows, title: `${plural(b.rows, "row")}: on average ${percent(b.probability, 1)} said, ${percent(b.share, 1)} came true` })) }],
      { across: two ? `probability of ${shorten(classes[1], 20)}` : "probability of the class that was given", up: "share that came true", diagonal: true, label: "Calibration of the probabilities" });
    say("calibration-text", `Expected calibration error ${number(m.expected_calibration_error)}. ` + (figures.calibrated ? "Scale and offsets come from scores of training rows that were held out." : "These probabilities are a plain softmax of the scores, which nothing calibrated."));
    const row = (tag, cells) => html("tr", {}, cells.map((c) => html(tag, {}, c)));
    at("classes-table").append(row("th", ["class", "test rows", "precision", "recall", "AUC"]));
    m.per_class.forEach((c, k) => at("classes-table").append(row("td", [shorten(classes[k], 40), count(c.rows), share(c.precision, 1), share(c.recall, 1), number(c.auc)])));
  }

  function paint(picture, label) {
    const raw = atob(picture.pixels);
    const canvas = html("canvas", { width: picture.width, height: picture.height, role: "img", "aria-label": label });
    const context = canvas.getContext("2d");
    const image = context.createImageData(picture.width, picture.height);
    for (let i = 0; i < picture.width * picture.height; ++i) {
      for (let c = 0; c < 3; ++c) image.data[4 * i + c] = raw.charCodeAt(i * picture.channels + (picture.channels === 3 ? c : 0));
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  function gallery() {
    const columns = Math.max(2, Math.floor((at("mistakes").clientWidth + 12) / 144));
    const step = columns * (columns > 3 ? 3 : 4);
    const list = mistakes.rows;
    say("mistakes-text", mistakes.count === 0 ? "Nothing: there is no misclassified test row."
      : `${plural(mistakes.count, "test row")} of ${count(figures.test_samples)}${mistakes.count > list.length ? `; the ${list.length} of which the model was surest` : ", those first of which the model was surest"}. Bars are probabilities: blue the true class, orange the one that was given.`);
    const card = (m) => {
      const given = m.scores[0].class;
      const label = `row ${m.row}: ${classes[m.truth]}, taken for ${classes[given]}`;
      return html("li", { title: label }, m.picture ? paint(m.picture, label) : null,
        html("div", { class: "verdict" }, `${shorten(classes[m.truth], 30)} \u2192 `, html("em", {}, shorten(classes[given], 30)), html("small", {}, `row ${count(m.row)}`)),
        m.scores.map((s) => html("div", { class: "score" + (s.class === m.truth ? " truth" : s.class === given ? " given" : "") },
          html("span", { title: `${classes[s.class]}: score ${s.score.toFixed(3)}` }, classes[s.class]), html("i", {}, html("b", { style: `width:${(100 * s.probability).toFixed(1)}%` })), html("span", {}, s.probability > 0 && s.probability < 0.005 ? "< 1\u00a0%" : percent(s.probability, 0)))));
    };
    const show = (some) => at("mistakes").append(...some.map(card));
    show(list.slice(0, step));
    if (list.length > step) {
      const button = at("more");
      button.textContent = `Show all ${list.length}`;
      button.hidden = false;
      button.addEventListener("click", () => { show(list.slice(step)); button.hidden = true; });
    }
  }

  function modulus() {
    const kinds = { forward: ["features \u00d7 model", "var(--blue)"], sigmoid: ["sigmoid", "var(--violet)"], backward: ["errors \u00d7 features, and the step", "var(--orange)"] };
    const q = chain.q_bits, p = chain.p_bits;
    const sum = (list) => list.reduce((a, b) => a + b, 0);
    const upTo = (level) => sum(q.slice(0, level + 1));
    say("chain-text", `Every multiplication drops a prime from the ciphertexts' modulus. They start with ${q.length} primes (${count(sum(q))} bits) and end with ${chain.iterations[chain.iterations.length - 1].end + 1}: what is left has to hold the model. Another ${plural(p.length, "prime")} (${Math.round(sum(p))} bits) ${p.length === 1 ? "serves" : "serve"} key switching.`);
    responsive(at("chain"), (width) => {
      const rows = chain.iterations.length;
      const high = Math.max(5, Math.min(24, 420 / rows)), gap = high > 10 ? 6 : 2;
      const left = 34, right = 2, top = 64;
      const total = sum(q);
      const x = (bits) => left + (1 - bits / total) * (width - left - right);
      const height = top + rows * (high + gap) + 26;
      const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": "Levels of the modulus chain spent by each iteration" });
      q.forEach((bits, level) => {
        const from = x(upTo(level)), to = x(level > 0 ? upTo(level - 1) : 0);
        picture.append(svg("g", {}, svg("title", {}, `level ${level}: a prime of ${bits.toFixed(1)} bits`),
          svg("rect", { x: from + 0.6, y: 20, width: Math.max(0.8, to - from - 1.2), height: 20, rx: 2, fill: level === 0 ? "var(--teal)" : "var(--grey)", "fill-opacity": level === 0 ? 1 : 0.55 })));
      });
      picture.append(svg("text", { x: left, y: 12 }, "the whole chain"), svg("text", { x: width - right, y: 12, "text-anchor": "end" }, "q\u2080, the last"));
      picture.append(svg("text", { x: 0, y: top - 6 }, "iteration"));
      const every = Math.ceil(16 / (high + gap));
      chain.iterations.forEach((iteration, i) => {
        const y = top + i * (high + gap);
        if (i % every === 0) picture.append(svg("text", { x: left - 8, y: y + high / 2 + 4, "text-anchor": "end" }, String(i + 1)));
        picture.append(svg("rect", { x: left, y, width: width - left - right, height: high, rx: 4, fill: "var(--faint)" }));
        const end = upTo(iteration.end);
        picture.append(svg("g", {}, svg("title", {}, `after iteration ${i + 1}: level ${iteration.end}, ${Math.round(end)} bits left`),
          svg("rect", { x: x(end), y, width: width - right - x(end), height: high, rx: 4, fill: "var(--blue-soft)" })));
        for (const part of iteration.spent) {
          const from = x(upTo(part.from)), to = x(upTo(part.to));
          picture.append(svg("g", {}, svg("title", {}, `iteration ${i + 1}, ${kinds[part.what][0]}: level ${part.from} to ${part.to}`),
            svg("rect", { x: from, y, width: Math.max(1.5, to - from - 1), height: high, rx: 3, fill: kinds[part.what][1] })));
        }
      });
      const foot = top + rows * (high + gap) + 16;
      picture.append(svg("text", { x: left, y: foot }, `${count(total)} bits`), svg("text", { x: width - right, y: foot, "text-anchor": "end" }, "0"));
      const key = (name, color) => html("li", {}, svg("svg", { viewBox: "0 0 24 12", "aria-hidden": "true" }, svg("rect", { x: 2, y: 1, width: 20, height: 10, rx: 3, fill: color })), name);
      return [html("ul", { class: "legend" }, Object.values(kinds).map(([name, color]) => key(name, color)), key("left after it", "var(--blue-soft)"), key("spent before", "var(--faint)")), picture];
    });
  }

  function cost() {
    const owner = "var(--blue)", server = "var(--orange)";
    const phases = [["Keys", "keygen_seconds", owner], ["Encryption", "encrypt_seconds", owner], ["Server: loading", "server_load_seconds", server],
      ["Server: preparing the features", "server_prepare_seconds", server], ["Server: iterations", "server_training_seconds", server], ["Decryption", "decrypt_seconds", owner]];
    const rows = phases.filter(([, name]) => isNumber(figures[name])).map(([name, member, color]) => ({ name, value: figures[member], text: seconds(figures[member]), color }));
    if (rows.length > 0) bars(at("time"), rows);
    at("time").append(html("p", { class: "about" }, rows.length === 0 ? "No times were measured." : `Blue: the owner's machine. Orange: the server${isNumber(figures.server_peak_rss_bytes) ? ", which held " + bytes(figures.server_peak_rss_bytes) + " of memory at most" : ""}.`));
    const sent = [["Evaluation keys, up", "evaluation_key_bytes", owner], ["Encrypted rows, up", "upload_bytes", owner], ["Model, down", "download_bytes", server], ["Checkpoints, down", "checkpoint_bytes", server]];
    bars(at("bytes"), sent.filter(([, name]) => isNumber(figures[name]) && figures[name] > 0).map(([name, member, color]) => ({ name, value: figures[member], text: bytes(figures[member]), color })));
    at("bytes").append(html("p", { class: "about" }, `${simulated ? "As predicted. " : ""}${plural(figures.upload_ciphertexts, "ciphertext")} and ${plural(figures.evaluation_keys, "key")} up, ${plural(figures.download_ciphertexts, "ciphertext")} down for the model.`));
  }

  function parties() {
    const card = (kind, title, list) => at("seen").append(html("div", { class: `card seen ${kind}` }, html("h3", {}, title), html("ul", {}, list.map((text) => html("li", {}, text)))));
    card("owner", "The owner", ["all training rows and their labels", simulated ? "no key: nothing was encrypted" : "the secret key, which never left", "the plaintext twin, computed here to choose the recipe and to check the result",
      simulated ? "the model with modelled noise, and these figures" : `the decrypted model${curves.decrypted.length > 1 ? ` and ${plural(curves.decrypted.length - 1, "decrypted checkpoint")}` : ""}, and these figures`]);
    card("server", simulated ? "The server would see" : "The server", [`the sizes: ${count(figures.samples)} rows, ${count(figures.features)} features, ${figures.classes} classes`,
      `the recipe: ${plural(figures.iterations, "iteration")}, step ${Number(figures.step.toPrecision(4))}, a sigmoid of degree ${figures.sigmoid_degree} on \u00b1${Number(figures.sigmoid.range.toPrecision(3))}`,
      `${plural(figures.evaluation_keys, "evaluation key")} and ${plural(figures.upload_ciphertexts, "ciphertext")} that look like noise`, "when the job came, and how long it took"]);
    card("never", "Nobody but the owner", ["feature values and labels", "class names, and how many rows a class has", "file names and the preprocessing's constants", "weights, scores, accuracy: anything that was decrypted"]);
  }

  function facts() {
    const list = [["Recipe", `${figures.preset}, ${plural(figures.iterations, "iteration")}`], ["Step", String(Number(figures.step.toPrecision(4)))],
      ["Sigmoid", `degree ${figures.sigmoid_degree} on \u00b1${Number(figures.sigmoid.range.toPrecision(3))}; training reached |z| = ${Number(figures.max_abs_z.toPrecision(3))}`],
      ["Features", figures.feature_extractor], ["Ring", `N = 2^${figures.log_n}, ${count(figures.slots)} slots`], ["Scale", `${figures.scale_bits} bits`],
      ["Levels", `${figures.levels}: ${figures.first_iteration_levels} for the first iteration, ${figures.levels_per_iteration} for every other`], ["Key switches", count(figures.key_switches)],
      ["Kernels", typeof figures.isa === "string" ? `${figures.isa}, ${known(figures.threads, (n) => plural(n, "thread"))}` : "not measured"]];
    for (const [name, value] of list) at("facts").append(html("div", {}, html("dt", {}, name), html("dd", {}, value)));
    say("footer", `Written by cipherfit ${figures.version}. This file needs no network and no other file. Times and memory of the server are the server's own claim.`);
  }

  head(); learning(); matrix(); trust(); gallery(); modulus(); cost(); parties(); facts();
  document.documentElement.dataset.drawn = "yes";
})();
