"""Words to letter with, in several scripts."""

import numpy as np

_TEXTS = {
    "latin": """
        the and you not what where when why who how never always again look wait stop run help
        please thank night day city light shadow dream heart hero friend father mother brother
        sister doctor captain robot dragon magic power secret truth story world star moon sun fire
        water wind stone silver golden little great strange quiet yesterday tomorrow nothing
        everything something remember believe follow Settings File Edit View Search Cancel Save Open
        Close Street Park Station North South über schön Straße Größe café garçon être naïve señor
        mañana corazón ção então Łódź żółty příliš žluťoučký kůň året blå İstanbul güneş città
        perché quindi waarom altijd hyvää päivää
    """,
    "sound": """
        BOOM CRASH POW BAM WHAM ZAP SPLASH WOOSH BANG CRACK THUD KABOOM SNAP AARGH HA HEY
    """,
    "greek": """
        και ουρανός θάλασσα νύχτα ήλιος φίλος καρδιά όνειρο πόλη δρόμος γιατί πότε ΑΘΗΝΑ φως
    """,
    "cyrillic": """
        что когда почему ночь день город свет друг сердце сказка звезда правда помощь быстро МОСКВА
        здравствуй їжак ґанок щастя ћирилица
    """,
    "japanese": """
        こんにちは ありがとう 待って 何だと 逃げろ 東京 大丈夫 夢 空 海 光 闇 心
        友達 先生 学校 明日 世界 ドキドキ ゴゴゴ バン ザワザワ カフェ ロボット
        うるさい すごい さようなら 魔法 戦士 物語 絶対 電車
    """,
    "chinese": "你好 谢谢 为什么 天空 朋友 明天 世界 龙 北京 快跑 秘密 英雄 城市 夜晚 學校 電影 聲音 漫畫",
    "korean": "안녕 고마워 하늘 바다 친구 내일 세계 서울 빨리 비밀 영웅 도시 만화 사랑",
    "arabic": """
        مرحبا شكرا لماذا السماء البحر صديق غدا العالم القاهرة بسرعة سر بطل مدينة ليل نور
    """,
    "hebrew": """
        שלום תודה למה שמים ים חבר מחר עולם ירושלים מהר סוד גיבור עיר לילה אור
    """,
    "devanagari": """
        नमस्ते धन्यवाद क्यों आकाश समुद्र मित्र कल दुनिया दिल्ली जल्दी रहस्य नायक शहर रात प्रकाश
    """,
}
WORDS = {script: tuple(text.split()) for script, text in _TEXTS.items()}
SYLLABLES = tuple(
    "ka ne ro shi mu ta ler vin dor an esh qui bra tol zi fen ga hul jo pex wy uth cra ost".split(" ")
)
UNSPACED = ("japanese", "chinese")


def phrase(script: str, count: int, rng: np.random.Generator) -> str:
    """`count` words of a script; among Latin ones some made up of syllables, and numbers among all."""
    listed = WORDS[script]
    words = []
    for pick in rng.random(count):
        if script == "latin" and pick < 0.25:
            words.append("".join(rng.choice(SYLLABLES, rng.integers(1, 5))))
        elif script != "sound" and pick > 0.92:
            words.append(str(rng.integers(1, 10 ** int(rng.integers(1, 5)))))
        else:
            words.append(listed[rng.integers(len(listed))])
    said = ("" if script in UNSPACED else " ").join(words)
    if script in ("latin", "greek", "cyrillic"):
        said = (said.upper, said.capitalize, said.title, said.__str__)[rng.integers(4)]()
    return said + ("", "", ".", "!", "?", "...", "!!")[rng.integers(7)]
