"""The common words that facts end in, each in English, German and Chinese.

Small shared sets keep a fact near four bits: many facts fit into a small model, and guessing scores one in ten.
"""

from __future__ import annotations

VALUES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "colour": (
        ("red", "rot", "红色"),
        ("blue", "blau", "蓝色"),
        ("green", "grün", "绿色"),
        ("yellow", "gelb", "黄色"),
        ("black", "schwarz", "黑色"),
        ("white", "weiß", "白色"),
        ("grey", "grau", "灰色"),
        ("brown", "braun", "棕色"),
        ("pink", "rosa", "粉色"),
        ("purple", "violett", "紫色"),
    ),
    "food": (
        ("apples", "Äpfel", "苹果"),
        ("rice", "Reis", "米饭"),
        ("fish", "Fisch", "鱼"),
        ("bread", "Brot", "面包"),
        ("honey", "Honig", "蜂蜜"),
        ("nuts", "Nüsse", "坚果"),
        ("cheese", "Käse", "奶酪"),
        ("beans", "Bohnen", "豆子"),
        ("eggs", "Eier", "鸡蛋"),
        ("soup", "Suppe", "汤"),
        ("corn", "Mais", "玉米"),
        ("plums", "Pflaumen", "李子"),
    ),
    "profession": (
        ("teacher", "Lehrer", "老师"),
        ("doctor", "Arzt", "医生"),
        ("painter", "Maler", "画家"),
        ("farmer", "Bauer", "农民"),
        ("baker", "Bäcker", "面包师"),
        ("pilot", "Pilot", "飞行员"),
        ("judge", "Richter", "法官"),
        ("singer", "Sänger", "歌手"),
        ("miner", "Bergmann", "矿工"),
        ("writer", "Autor", "作家"),
        ("nurse", "Pfleger", "护士"),
        ("cook", "Koch", "厨师"),
    ),
    "habitat": (
        ("forests", "in Wäldern", "森林"),
        ("lakes", "in Seen", "湖泊"),
        ("deserts", "in Wüsten", "沙漠"),
        ("caves", "in Höhlen", "山洞"),
        ("meadows", "auf Wiesen", "草地"),
        ("swamps", "in Sümpfen", "沼泽"),
        ("mountains", "in den Bergen", "山区"),
        ("gardens", "in Gärten", "花园"),
    ),
    "instrument": (
        ("piano", "Klavier", "钢琴"),
        ("violin", "Geige", "小提琴"),
        ("drum", "Trommel", "鼓"),
        ("flute", "Flöte", "笛子"),
        ("guitar", "Gitarre", "吉他"),
        ("trumpet", "Trompete", "小号"),
        ("harp", "Harfe", "竖琴"),
        ("cello", "Cello", "大提琴"),
    ),
    "product": (
        ("bicycles", "Fahrräder", "自行车"),
        ("lamps", "Lampen", "灯"),
        ("shoes", "Schuhe", "鞋"),
        ("clocks", "Uhren", "钟表"),
        ("boats", "Boote", "船"),
        ("tables", "Tische", "桌子"),
        ("phones", "Telefone", "手机"),
        ("paper", "Papier", "纸"),
        ("toys", "Spielzeug", "玩具"),
        ("bottles", "Flaschen", "瓶子"),
    ),
    "use": (
        ("glass", "Glas", "玻璃"),
        ("paint", "Farbe", "油漆"),
        ("jewels", "Schmuck", "首饰"),
        ("bricks", "Ziegel", "砖"),
        ("batteries", "Batterien", "电池"),
        ("soap", "Seife", "肥皂"),
        ("tools", "Werkzeug", "工具"),
        ("coins", "Münzen", "硬币"),
    ),
    "season": (
        ("spring", "Frühling", "春天"),
        ("summer", "Sommer", "夏天"),
        ("autumn", "Herbst", "秋天"),
        ("winter", "Winter", "冬天"),
    ),
    "genre": (
        ("poems", "Gedichte", "诗歌"),
        ("travel", "Reisen", "旅行"),
        ("history", "Geschichte", "历史"),
        ("love", "Liebe", "爱情"),
        ("war", "Krieg", "战争"),
        ("science", "Wissenschaft", "科学"),
        ("music", "Musik", "音乐"),
        ("law", "Recht", "法律"),
    ),
    "year": tuple(
        (str(year), str(year), str(year)) for year in (1407, 1461, 1498, 1523, 1570, 1612, 1659, 1684, 1736, 1792)
    ),
}
"""Value set -> (English, German, Chinese) of each value."""

LANGUAGES = ("en", "de", "zh")


def translations() -> dict[str, tuple[str, str, str]]:
    """English value -> its three forms; an invented name is not in here and stays as it is in every language."""
    return {forms[0]: forms for forms_of_set in VALUES.values() for forms in forms_of_set}
