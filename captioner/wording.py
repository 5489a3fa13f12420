"""What the tab *Caption* says in Chinese."""

from attention_core.wording import Tables

WORDING: Tables = {
    "zh": {
        "Caption": "图片描述",
        "Error": "出错了",
        "Picture": "图片",
        "Language": "语言",
        "More": "更多",
        "Examples": "示例",
        "Beam width": "束宽",
        "Alternatives": "备选数目",
        "Shortest, in tokens": "最短（词元）",
        "Longest, in tokens": "最长（词元）",
        "Temperature (0 searches, above it samples)": "温度（0 为搜索，大于 0 为采样）",
        "Confidence {}": "置信度 {}",
        "⚠️ **Not sure: confidence {}.**": "⚠️ **没有把握（置信度仅 {}）。**",
        "not sure": "没有把握",
        "As alt text": "替代文字（alt）",
        "Where the model looked for each word": "写每个词时模型看向哪里",
        "Point at a word to see where the model looked, or at the picture to see which words.": (
            "指向一个词，看模型看向哪里；指向图片，看是哪些词。"
        ),
        "All of it": "全部",
        "looked most at row {}, column {}": "看得最多的是第 {} 行第 {} 列",
        "row {}, column {}": "第 {} 行第 {} 列",
        "caption": "描述",
        "score": "分数",
        "Alternatives, with the mean log-probability of a token": (
            "其他描述，及每个词元的平均对数概率"
        ),
        "In other languages": "其他语言",
        "Translate the caption": "翻译这句描述",
        "language": "语言",
        "translation": "译文",
        "Translation is not installed here.": "这里没有安装翻译功能。",
        "Compared with Show and Tell": "与 Show and Tell 比较",
        "Compare": "比较",
        "model": "模型",
        "With attention": "有注意力",
        "Show and Tell, without attention": "Show and Tell，没有注意力",
        "Show and Tell has no attention: it sees the picture once, as one vector, before its first"
        " word (Vinyals et al. 2015). It writes English, so both do here.": (
            "Show and Tell 没有注意力：它只在写第一个词之前看一次图片，"
            "看到的是一个向量（Vinyals 等 2015）。它只会英文，所以这里两者都写英文。"
        ),
        "Many pictures": "多张图片",
        "Pictures": "图片",
        "A whole folder": "整个文件夹",
        "Caption all": "为全部图片写描述",
        "Download CSV": "下载 CSV",
        "Download JSONL": "下载 JSONL",
        "picture {} of {}": "第 {} 张，共 {} 张",
        "file": "文件",
        "there is no picture yet: upload one, or click an example": (
            "还没有图片：请上传一张，或点一个示例"
        ),
        "there are no pictures yet: choose some": "还没有图片：请选择几张",
        "there is no caption yet: caption a picture first": "还没有描述：请先为一张图片生成描述",
        "the translator reads English: caption the picture in English first": (
            "翻译模型只读英文：请先生成这张图片的英文描述"
        ),
        "{} is empty.": "{} 是空的。",
        "{} doesn't exist.": "{} 不存在。",
        "{} can't be opened ({}).": "{} 打不开（{}）。",
        "{} is not a picture of a known kind: give a JPEG, PNG, WebP or GIF file.": (
            "{} 的图片格式无法识别：请提供 JPEG、PNG、WebP 或 GIF 文件。"
        ),
        "{} is damaged or incomplete ({}).": "{} 已损坏或不完整（{}）。",
        "{} has {}×{} pixels: at least {} on each side are needed.": (
            "{} 有 {}×{} 像素：每边至少要 {} 像素。"
        ),
        "{} has {}×{} pixels: at most 100 megapixels can be read.": (
            "{} 有 {}×{} 像素：最多能读一亿像素。"
        ),
        "{} is too large: at most 100 megapixels can be read.": "{} 太大：最多能读一亿像素。",
        "minimum_length: {} is above max_length {}": "最短 {} 超过了最长 {}",
    }
}
