// The page's words in five languages. English is complete; a word that another lacks is shown in English.

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", zh: "中文" };

const KEYS = ["photographs", "filterAll", "filterOne", "back", "cancel", "sort", "filters", "summary", "settings", "language", "theme", "theme_system", "theme_light", "theme_dark",
  "order_date", "order_name", "order_smile", "order_doubt", "order_faces", "order_sharpness", "labels", "noFace", "moreThanOne", "notRead", "damaged", "empty", "noMatch", "again", "offline",
  "keep", "reject", "unmarked", "boxes", "previous", "next", "details", "date", "size", "folder", "faces", "why", "correct", "corrected", "best", "another",
  "eyesOpen", "smileIntensity", "turned", "selection", "copies", "clear", "labelled", "filter_text", "filter_taken_from", "filter_taken_to", "filter_folder", "filter_least_smile",
  "filter_least_eyes_open", "filter_low", "filter_high", "filter_mark", "filter_every_shot", "overTime", "byFolder", "smiles", "smileShare"];

const WORDS = {
  en: ["photographs", "Filter all", "Filter", "Back", "Cancel", "Sort", "Filters", "Summary", "Settings", "Language", "Colours", "as the system", "light", "dark",
    "newest first", "by name", "most smiling", "least sure first", "most faces", "sharpest", "Labels", "no face", "more than one face", "not read yet", "cannot be read", "No photographs here yet. Press “Filter all”.", "No photograph matches.", "Try again", "The server does not answer.",
    "keep", "reject", "unmarked", "boxes", "previous", "next", "Details", "date", "size", "folder", "faces", "why?", "Correct:", "corrected", "best shot", "another shot",
    "eyes open", "smile intensity", "turned aside", "Selection", "Copy", "Clear", "Export corrected faces", "name contains", "from", "to", "folder", "all smile at least",
    "all eyes open at least", "at least", "at most", "mark", "every shot of a stack", "Smiles over time", "Smiles by folder", "photographs with a smile", "of faces smile"],
  de: ["Fotos", "Alle filtern", "Filtern", "Zurück", "Abbrechen", "Sortieren", "Filter", "Übersicht", "Einstellungen", "Sprache", "Farben", "wie das System", "hell", "dunkel",
    "neueste zuerst", "nach Name", "am meisten lächelnd", "unsicherste zuerst", "meiste Gesichter", "schärfste", "Labels", "kein Gesicht", "mehr als ein Gesicht", "noch nicht gelesen", "nicht lesbar", "Noch keine Fotos. „Alle filtern“ drücken.", "Kein Foto passt.", "Nochmals", "Der Server antwortet nicht.",
    "behalten", "verwerfen", "unmarkiert", "Rahmen", "voriges", "nächstes", "Einzelheiten", "Datum", "Größe", "Ordner", "Gesichter", "warum?", "Korrigieren:", "korrigiert", "beste Aufnahme", "andere Aufnahme",
    "Augen offen", "Stärke des Lächelns", "zur Seite gedreht", "Auswahl", "Kopieren", "Aufheben", "Korrigierte Gesichter exportieren", "Name enthält", "von", "bis", "Ordner", "alle lächeln mindestens",
    "alle Augen offen mindestens", "mindestens", "höchstens", "Markierung", "jede Aufnahme eines Stapels", "Lächeln im Lauf der Zeit", "Lächeln nach Ordner", "Fotos mit Lächeln", "der Gesichter lächeln"],
  es: ["fotos", "Filtrar todo", "Filtrar", "Volver", "Cancelar", "Orden", "Filtros", "Resumen", "Ajustes", "Idioma", "Colores", "como el sistema", "claro", "oscuro",
    "más recientes", "por nombre", "más sonrientes", "menos seguras", "más caras", "más nítidas", "Etiquetas", "sin cara", "más de una cara", "sin leer", "no se puede leer", "Aún no hay fotos. Pulse «Filtrar todo».", "Ninguna foto coincide.", "Reintentar", "El servidor no responde.",
    "conservar", "descartar", "sin marcar", "recuadros", "anterior", "siguiente", "Detalles", "fecha", "tamaño", "carpeta", "caras", "¿por qué?", "Corregir:", "corregido", "mejor toma", "otra toma",
    "ojos abiertos", "intensidad de la sonrisa", "giro", "Selección", "Copiar", "Quitar", "Exportar caras corregidas", "nombre contiene", "desde", "hasta", "carpeta", "todos sonríen al menos",
    "ojos abiertos al menos", "mínimo", "máximo", "marca", "todas las tomas de un grupo", "Sonrisas en el tiempo", "Sonrisas por carpeta", "fotos con sonrisa", "de las caras sonríen"],
  fr: ["photos", "Tout filtrer", "Filtrer", "Retour", "Annuler", "Trier", "Filtres", "Résumé", "Réglages", "Langue", "Couleurs", "comme le système", "clair", "sombre",
    "plus récentes", "par nom", "plus souriantes", "moins sûres", "plus de visages", "plus nettes", "Étiquettes", "aucun visage", "plusieurs visages", "pas encore lue", "illisible", "Pas encore de photos. Appuyez sur « Tout filtrer ».", "Aucune photo ne correspond.", "Réessayer", "Le serveur ne répond pas.",
    "garder", "rejeter", "sans marque", "cadres", "précédente", "suivante", "Détails", "date", "taille", "dossier", "visages", "pourquoi ?", "Corriger :", "corrigé", "meilleure prise", "autre prise",
    "yeux ouverts", "intensité du sourire", "tourné", "Sélection", "Copier", "Effacer", "Exporter les visages corrigés", "nom contient", "du", "au", "dossier", "tous sourient au moins",
    "yeux ouverts au moins", "minimum", "maximum", "marque", "toutes les prises d'une pile", "Sourires dans le temps", "Sourires par dossier", "photos avec sourire", "des visages sourient"],
  zh: ["照片", "全部识别", "识别", "返回", "取消", "排序", "筛选", "统计", "设置", "语言", "颜色", "跟随系统", "浅色", "深色",
    "最新优先", "按名称", "笑容最多", "最不确定", "人脸最多", "最清晰", "标签", "没有人脸", "多张人脸", "尚未识别", "无法读取", "还没有照片。请按“全部识别”。", "没有符合的照片。", "重试", "服务器没有响应。",
    "保留", "淘汰", "未标记", "方框", "上一张", "下一张", "详情", "日期", "尺寸", "文件夹", "人脸", "为什么？", "更正：", "已更正", "最佳照片", "其他照片",
    "睁眼", "笑容强度", "侧转", "已选", "复制", "清除", "导出更正的人脸", "名称包含", "从", "到", "文件夹", "所有人笑容至少",
    "所有人睁眼至少", "最小", "最大", "标记", "显示连拍中的每一张", "笑容随时间", "各文件夹的笑容", "有微笑的照片", "的人脸在微笑"],
};

const SENTENCES = {
  en: { count: (n) => `${n} photograph${n === 1 ? "" : "s"}`, severalFaces: (n) => `${n} faces`, stackOf: (n) => `Stack of ${n}`, select: (name) => `Select ${name}`, chosen: (n) => `${n} selected`, copied: (n) => `${n} copied`,
    progress: (done, total, rate) => `${done} of ${total}, ${rate} a second`, left: (seconds) => `${seconds} s left`, failed: (n) => `${n} cannot be read` },
  de: { count: (n) => `${n} Foto${n === 1 ? "" : "s"}`, severalFaces: (n) => `${n} Gesichter`, stackOf: (n) => `Stapel von ${n}`, select: (name) => `${name} auswählen`, chosen: (n) => `${n} ausgewählt`, copied: (n) => `${n} kopiert`,
    progress: (done, total, rate) => `${done} von ${total}, ${rate} je Sekunde`, left: (seconds) => `noch ${seconds} s`, failed: (n) => `${n} nicht lesbar` },
  es: { count: (n) => `${n} foto${n === 1 ? "" : "s"}`, severalFaces: (n) => `${n} caras`, stackOf: (n) => `Grupo de ${n}`, select: (name) => `Seleccionar ${name}`, chosen: (n) => `${n} seleccionada${n === 1 ? "" : "s"}`, copied: (n) => `${n} copiada${n === 1 ? "" : "s"}`,
    progress: (done, total, rate) => `${done} de ${total}, ${rate} por segundo`, left: (seconds) => `quedan ${seconds} s`, failed: (n) => `${n} ilegibles` },
  fr: { count: (n) => `${n} photo${n === 1 ? "" : "s"}`, severalFaces: (n) => `${n} visages`, stackOf: (n) => `Pile de ${n}`, select: (name) => `Sélectionner ${name}`, chosen: (n) => `${n} sélectionnée${n === 1 ? "" : "s"}`, copied: (n) => `${n} copiée${n === 1 ? "" : "s"}`,
    progress: (done, total, rate) => `${done} sur ${total}, ${rate} par seconde`, left: (seconds) => `encore ${seconds} s`, failed: (n) => `${n} illisibles` },
  zh: { count: (n) => `${n} 张照片`, severalFaces: (n) => `${n} 张人脸`, stackOf: (n) => `连拍 ${n} 张`, select: (name) => `选择 ${name}`, chosen: (n) => `已选 ${n} 张`, copied: (n) => `已复制 ${n} 张`,
    progress: (done, total, rate) => `${done} / ${total}，每秒 ${rate} 张`, left: (seconds) => `剩余 ${seconds} 秒`, failed: (n) => `${n} 张无法读取` },
};

const LABELS = {
  de: { smiling: "lächelt", "not smiling": "lächelt nicht", happy: "fröhlich", sad: "traurig", angry: "wütend", surprise: "überrascht", fear: "ängstlich", disgust: "angeekelt", neutral: "neutral", contempt: "verächtlich", unsure: "unsicher", man: "Mann", woman: "Frau" },
  es: { smiling: "sonríe", "not smiling": "no sonríe", happy: "alegría", sad: "tristeza", angry: "enfado", surprise: "sorpresa", fear: "miedo", disgust: "asco", neutral: "neutral", contempt: "desprecio", unsure: "inseguro", man: "hombre", woman: "mujer" },
  fr: { smiling: "sourit", "not smiling": "ne sourit pas", happy: "joie", sad: "tristesse", angry: "colère", surprise: "surprise", fear: "peur", disgust: "dégoût", neutral: "neutre", contempt: "mépris", unsure: "incertain", man: "homme", woman: "femme" },
  zh: { smiling: "微笑", "not smiling": "未微笑", happy: "高兴", sad: "悲伤", angry: "愤怒", surprise: "惊讶", fear: "恐惧", disgust: "厌恶", neutral: "平静", contempt: "轻蔑", unsure: "不确定", man: "男", woman: "女" },
};

// What speaks for or against a shot: the server says it in English, with "all of 2", "1 of 2", "none of 2" or "not" before it.
const REASONS = {
  de: { smiling: "lächelt", "at ease": "entspannt", "with open eyes": "Augen offen", "facing the camera": "zur Kamera gewandt", "wholly in the picture": "ganz im Bild", "sharp face": "Gesicht scharf",
    "sharp faces": "Gesichter scharf", "blurred face": "Gesicht unscharf", "faces blurred": "Gesichter unscharf", "sharp picture": "Bild scharf", "blurred picture": "Bild unscharf", not: "nein" },
  es: { smiling: "sonríe", "at ease": "relajado", "with open eyes": "ojos abiertos", "facing the camera": "mira a la cámara", "wholly in the picture": "entero en la foto", "sharp face": "cara nítida",
    "sharp faces": "caras nítidas", "blurred face": "cara borrosa", "faces blurred": "caras borrosas", "sharp picture": "foto nítida", "blurred picture": "foto borrosa", not: "no" },
  fr: { smiling: "sourit", "at ease": "détendu", "with open eyes": "yeux ouverts", "facing the camera": "face à l'appareil", "wholly in the picture": "entier dans la photo", "sharp face": "visage net",
    "sharp faces": "visages nets", "blurred face": "visage flou", "faces blurred": "visages flous", "sharp picture": "photo nette", "blurred picture": "photo floue", not: "non" },
  zh: { smiling: "微笑", "at ease": "表情自然", "with open eyes": "睁眼", "facing the camera": "面向镜头", "wholly in the picture": "完整入镜", "sharp face": "人脸清晰",
    "sharp faces": "人脸清晰", "blurred face": "人脸模糊", "faces blurred": "人脸模糊", "sharp picture": "照片清晰", "blurred picture": "照片模糊", not: "否" },
};

function reasonIn(language, said) {
  const words = REASONS[language];
  const [, count, all, not, what] = /^(?:(all|none|\d+) of (\d+) |(not) )?(.*)$/.exec(said);
  if (!words || !words[what]) return said;
  return count ? `${words[what]}: ${{ all, none: 0 }[count] ?? count}/${all}` : not ? `${words[what]}: ${words.not}` : words[what];
}

const TASKS = {
  en: { smile: "Smile", emotion: "Emotion", gender: "Gender", age: "Age" }, de: { smile: "Lächeln", emotion: "Emotion", gender: "Geschlecht", age: "Alter" },
  es: { smile: "Sonrisa", emotion: "Emoción", gender: "Género", age: "Edad" }, fr: { smile: "Sourire", emotion: "Émotion", gender: "Genre", age: "Âge" }, zh: { smile: "笑容", emotion: "情绪", gender: "性别", age: "年龄" },
};

export function preferred() {
  const wished = (navigator.languages || []).map((each) => each.slice(0, 2)).find((each) => each in LANGUAGES);
  return wished || "en";
}

export function translator(language) {
  const words = WORDS[language] || WORDS.en;
  const t = (key, ...values) => {
    if (key in SENTENCES.en) return (SENTENCES[language] || SENTENCES.en)[key](...values);
    const at = KEYS.indexOf(key);
    return at < 0 ? key : words[at] || WORDS.en[at];
  };
  t.label = (label) => (LABELS[language] || {})[label] || label;
  t.reason = (said) => reasonIn(language, said);
  t.language = language;
  t.task = (name) => (TASKS[language] || TASKS.en)[name] || name;
  return t;
}
