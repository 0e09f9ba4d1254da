// One alarm: what it says, what to do, what was done, and the buttons to do more.
export default {
  template: `
<section class="hz-detail" v-if="alarm" :class="'sev-' + alarm.severity">
  <h2><span class="hz-word">{{ words[alarm.severity] }}</span> {{ alarm.name }} <small>{{ alarm.place }}</small></h2>
  <p class="hz-message">{{ alarm.message }}</p>
  <div class="hz-guide" v-if="guidance"><h3>{{ words.what_to_do }}</h3><p>{{ guidance }}</p></div>
  <div class="hz-acts" v-if="can_act">
    <input v-model="comment" maxlength="1000" :placeholder="words.comment_hint" @keydown.enter="alarm.to_take ? act('acknowledge') : act('comment')">
    <button v-if="alarm.to_take" class="main" @click="act('acknowledge')">{{ words.acknowledge }}</button>
    <button :disabled="!comment.trim()" @click="act('comment')">{{ words.add_comment }}</button>
    <button v-if="alarm.state === 'shelved'" @click="act('unshelve')">{{ words.unshelve }}</button>
    <button v-else-if="alarm.state !== 'closed'" :class="{ on: shelving }" @click="shelving = !shelving">{{ words.shelve }}…</button>
  </div>
  <div class="hz-acts hz-shelve" v-if="can_act && shelving">
    <input v-model="reason" maxlength="1000" :placeholder="words.reason">
    <label>{{ words.shelve_for }} <select v-model="span"><option value="30m">30 min</option><option value="2h">2 h</option>
      <option value="8h">8 h</option><option value="24h">24 h</option></select></label>
    <button class="main" :disabled="!reason.trim()" @click="act('shelve')">{{ words.shelve }}</button>
    <button @click="shelving = false">{{ words.cancel }}</button>
  </div>
  <dl>
    <div><dt>{{ words.state }}</dt><dd>{{ words[alarm.state] }}</dd></div>
    <div><dt>{{ words.raised_at }}</dt><dd>{{ at(alarm.raised_ms) }}</dd></div>
    <div v-if="alarm.cleared_ms"><dt>{{ words.cleared_at }}</dt><dd>{{ at(alarm.cleared_ms) }}</dd></div>
    <div v-if="alarm.value !== '–'"><dt>{{ words.value }}</dt><dd>{{ alarm.value }} {{ alarm.unit }} <span v-if="alarm.limit">({{ alarm.sign }} {{ alarm.limit }})</span></dd></div>
    <div v-if="alarm.by"><dt>{{ words.acknowledged_by }}</dt><dd>{{ alarm.by }}</dd></div>
    <div v-if="alarm.shelved_until_ms"><dt>{{ words.shelved_until }}</dt><dd>{{ at(alarm.shelved_until_ms) }}</dd></div>
    <div v-if="alarm.was"><dt>{{ words.worst }}</dt><dd :class="'hz-was sev-' + alarm.was">{{ words[alarm.was] }}</dd></div>
    <div v-if="standard"><dt>{{ words.standard }}</dt><dd>{{ standard }}</dd></div>
  </dl>
  <h3>{{ words.history }}</h3>
  <ol class="hz-history">
    <li v-for="e in history" :key="e.seq" :class="'sev-' + e.severity"><time>{{ at(e.time_ms) }}</time>
      <b>{{ words[e.type] || e.type }}</b><span>{{ e.what }}</span><q v-if="e.comment">{{ e.comment }}</q></li>
  </ol>
</section>`,
  props: { words: Object, alarm: Object, guidance: String, standard: String, history: Array, can_act: Boolean },
  data() {
    return { comment: "", reason: "", span: "2h", shelving: false };
  },
  watch: {
    "alarm.id"() {
      this.comment = this.reason = "";
      this.shelving = false;
    },
  },
  methods: {
    act(what) {
      if (what === "comment" && !this.comment.trim()) return;
      const text = what === "shelve" ? this.reason : this.comment;
      this.$emit("act", { what, id: this.alarm.id, text, span: this.span });
      this.comment = this.reason = "";
      this.shelving = false;
    },
    at(ms) {
      const d = new Date(ms);
      const two = (n) => String(n).padStart(2, "0");
      return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
    },
  },
};
